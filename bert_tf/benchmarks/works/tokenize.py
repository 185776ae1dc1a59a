"""Text to ids."""

import time

import numpy as np


class Tokenize:
    """All lines of the job in one call.

    Args:
        job: `lines`.
        tokenizer: has `prepared(lines)`, what `run` takes, `run`, and `ids`, a list of ids for each line.
    """

    def __init__(self, job: dict, tokenizer):
        self._tokenizer = tokenizer
        self._megabytes = sum(len(line.encode()) + 1 for line in job["lines"]) / 1e6
        self._lines = tokenizer.prepared(job["lines"])

    def outputs(self) -> dict[str, np.ndarray]:
        """The ids of all lines, and how many each line has."""
        ids = self._tokenizer.ids(self._lines)
        return {"lengths": np.array([len(line) for line in ids]),
                "ids": np.concatenate([np.asarray(line, np.int64) for line in ids])}

    def warm_up(self) -> None:
        """Once through."""
        self._tokenizer.run(self._lines)

    def run(self) -> dict[str, float]:
        """Speed."""
        start = time.perf_counter()
        self._tokenizer.run(self._lines)
        return {"text to ids": self._megabytes / (time.perf_counter() - start)}
