"""Learning rates over steps."""

import keras
from keras import ops

from bert_tf.config import require


@keras.saving.register_keras_serializable(package="bert_tf")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to `peak` over the warm-up, then falls linearly to 0 at the last step (Devlin et al., A.2).

    Google's code lets the decay count from step 0, so that its rate jumps down where the warm-up ends; this one does
    not jump. Update number n, counted from 1, uses `peak x n / warmup_steps`, so the first update is not lost.

    Args:
        peak: the highest rate.
        steps: updates of the whole run.
        warmup_steps: updates until the peak.
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int = 0):
        require(0 <= warmup_steps <= steps, "`warmup_steps` in [0, steps]", warmup_steps=warmup_steps, steps=steps)
        self.peak, self.steps, self.warmup_steps = peak, steps, warmup_steps

    def __call__(self, step):
        """The rate of the update that follows `step` finished ones; float32 scalar."""
        number = ops.cast(step, "float32") + 1.0
        rising = number / max(1, self.warmup_steps)
        falling = (self.steps + 1 - number) / max(1, self.steps + 1 - self.warmup_steps)
        return self.peak * ops.maximum(0.0, ops.minimum(rising, falling))

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}
