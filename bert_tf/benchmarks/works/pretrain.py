"""From raw text to trained steps."""

import time

import numpy as np


class Pretrain:
    """A pipeline from the text, opened anew in every turn, and a step on each of its first batches.

    Args:
        job: `steps`.
        pretrainer: has `train(steps)`, which gives the number of tokens that were not padding, and `first_losses()`,
            the mean masked-LM loss before training and the share of masked tokens of the first batches.
    """

    def __init__(self, job: dict, pretrainer):
        self._steps, self._pretrainer = job["steps"], pretrainer

    def outputs(self) -> dict[str, np.ndarray]:
        """The first loss, and the share of masked tokens in steps of 5 %."""
        loss, masked = self._pretrainer.first_losses()
        return {"masked_lm": np.array(loss), "masked tokens": np.array(round(masked * 20) / 20)}

    def warm_up(self) -> None:
        """As a turn."""
        self._pretrainer.train(self._steps)

    def run(self) -> dict[str, float]:
        """Speed, the start of the pipeline included."""
        start = time.perf_counter()
        tokens = self._pretrainer.train(self._steps)
        return {"tokens": tokens / (time.perf_counter() - start)}
