"""One text's embedding, again and again."""

import statistics
import time

import numpy as np

from bert_tf.benchmarks.batching import load_layout

_LEAST_SECONDS = 1.0


class Embed:
    """One text at a time.

    Args:
        job: `batches`: texts of one row each.
        embedder: from a batch of one row to its embedding, float `(1, hidden)`.
    """

    def __init__(self, job: dict, embedder):
        self._embedder = embedder
        self._texts = load_layout(job["batches"], "by_length")

    def outputs(self) -> dict[str, np.ndarray]:
        """All embeddings."""
        return {"embedding": np.concatenate([self._embedder(text) for text in self._texts])}

    def warm_up(self) -> None:
        """Every text once."""
        for text in self._texts:
            self._embedder(text)

    def run(self) -> dict[str, float]:
        """The median time."""
        seconds: list[float] = []
        while sum(seconds) < _LEAST_SECONDS or len(seconds) < len(self._texts):
            start = time.perf_counter()
            self._embedder(self._texts[len(seconds) % len(self._texts)])
            seconds.append(time.perf_counter() - start)
        return {"one text": 1000 * statistics.median(seconds)}
