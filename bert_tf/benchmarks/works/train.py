"""Training steps on ready batches."""

import time

import numpy as np

from bert_tf.benchmarks.batching import load_layout, padded, rows_of

LEARNING_RATE = 1e-5


class TrainSteps:
    """Steps on all batches of the job, in the layout that the contestant wants.

    Args:
        job: `batches`, `tokens`, `examples`, and for `teraflops` the `flops` of all batches.
        trainer: has `layout`, `prepared(batches)`, `train(prepared)` and `losses(batch)`, by the names of the heads
            and without dropout.
    """

    def __init__(self, job: dict, trainer):
        self._job, self._trainer = job, trainer
        batches = load_layout(job["batches"], trainer.layout)
        self._batches, self._first = trainer.prepared(batches), trainer.prepared(batches[:1])

    def outputs(self) -> dict[str, np.ndarray]:
        """The losses of each example of the first batch before the first step; a mean over all would hide much."""
        rows = rows_of(load_layout(self._job["batches"], "dynamic")[:1])
        # All of one shape, for which a contestant traces or compiles once.
        sizes = [max(len(row[name]) for row in rows) for name in ("token_ids", "masked_positions") if name in rows[0]]
        losses = [self._trainer.losses(padded([row], *sizes)) for row in rows]
        return {name: np.array([each[name] for each in losses], np.float64) for name in losses[0]}

    def warm_up(self) -> None:
        """Every batch once."""
        self._trainer.train(self._batches)

    def run(self) -> dict[str, float]:
        """Speeds, after a step that does not count: a process that has waited may have lost its memory's pages."""
        self._trainer.train(self._first)
        start = time.perf_counter()
        self._trainer.train(self._batches)
        seconds = time.perf_counter() - start
        figures = {"tokens": self._job["tokens"] / seconds, "examples": self._job["examples"] / seconds}
        return figures | ({"teraflops": self._job["flops"] / seconds / 1e12} if "flops" in self._job else {})
