"""Notices a loss that is no number any more, or far from any that makes sense."""

import math

import tensorflow as tf


class DivergedError(ValueError):
    """Training has left the range in which going on makes sense."""


LONGEST_STANDSTILL = 50
"""Updates in a row that may be left out: the first ones in float16 are, until the scale of the loss fits."""


class DivergenceWatch:
    """Looks at the losses of the latest updates, all at once, so that no single update has to be waited for.

    Args:
        largest_loss: a mean loss beyond this has exploded; infinity to look for NaN and infinity only.
        leaves_out: the model leaves updates out that are not finite; if not, a loss of 0 is nothing but a good one.
    """

    def __init__(self, largest_loss: float = math.inf, *, leaves_out: bool = True):
        self._largest_loss, self._leaves_out = largest_loss, leaves_out
        self._losses: dict[int, tf.Tensor] = {}
        self._standstill = 0  # updates whose losses were all left out

    def add(self, step: int, loss: tf.Tensor | float) -> None:
        """Takes the mean loss since the last log line, as it is after update `step`; a tensor is not read yet."""
        self._losses[step] = loss

    def check(self, learning_rate: float, advice: str) -> None:
        """Forgets the losses added since the last call if they make sense.

        Args:
            learning_rate: named in the error.
            advice: how to go on, the last sentence of the error.

        Raises:
            DivergedError: a loss is not finite, the latest mean is too large, or no update has counted for long.
        """
        if not self._losses:
            return
        steps, losses = list(self._losses), tf.stack(list(self._losses.values())).numpy().tolist()
        self._losses.clear()
        # A mean over nothing is 0.
        self._standstill = self._standstill + len(losses) if self._leaves_out and not losses[-1] else 0
        wrong = [index for index, loss in enumerate(losses) if not math.isfinite(loss)]
        if wrong:
            expectation, index = "a finite loss", wrong[0]
        elif losses[-1] > self._largest_loss:
            expectation, index = f"a loss below {self._largest_loss:.4g}, twice that of guessing", -1
        elif self._standstill > LONGEST_STANDSTILL:
            expectation, index = f"a finite loss in {LONGEST_STANDSTILL} updates", -1
        else:
            return
        raise DivergedError(
            f"Expected {expectation}. Received: loss={losses[index]:.6g} at step {steps[index]}, "
            f"learning_rate={learning_rate:.6g}. {advice}")
