"""The encoder on batches of several shapes."""

import statistics
import time

import numpy as np

from bert_tf.benchmarks.batching import Batch, load_layout

SHAPES = ((1, 32), (8, 32), (1, 128), (8, 128))
"""Batch and sequence."""
_LEAST_SECONDS = 0.5


class Forward:
    """One call after the other.

    Args:
        job: `batches`: a real, padded batch first, then one of each of `shapes` without padding.
        encoder: from a batch to the sequence output.
    """

    def __init__(self, job: dict, encoder):
        self._encoder = encoder
        self._check, *self._batches = load_layout(job["batches"], "by_length")

    def outputs(self) -> dict[str, np.ndarray]:
        """The sequence output of the padded batch, zero at padding."""
        hidden = np.asarray(self._encoder(self._check), np.float32)
        return {"sequence_output": hidden * self._check["padding_mask"][..., np.newaxis]}

    def warm_up(self) -> None:
        """Every shape twice."""
        for batch in self._batches * 2:
            self._encoder(batch)

    def run(self) -> dict[str, float]:
        """The median time of a call for each shape."""
        return {shape_name(batch): self._milliseconds(batch) for batch in self._batches}

    def _milliseconds(self, batch: Batch) -> float:
        seconds: list[float] = []
        while len(seconds) < 3 or sum(seconds) < _LEAST_SECONDS:
            start = time.perf_counter()
            self._encoder(batch)
            seconds.append(time.perf_counter() - start)
        return 1000 * statistics.median(seconds)


def shape_name(batch: Batch) -> str:
    """Such as `8 x 128`."""
    rows, length = batch["token_ids"].shape
    return f"{rows} x {length}"
