"""AdamW as BERT uses it, right under every distribution strategy and after reloading."""

from collections.abc import Mapping

import keras
import tensorflow as tf
from keras import ops

from bert_tf.training.adamw_update import UpdateNumbers, update_numbers, update_variable
from bert_tf.training.common_optimizer import CommonOptimizer, clipping


@keras.saving.register_keras_serializable(package="bert_tf")
class AdamW(CommonOptimizer, keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter 2019) with the settings of BERT (Devlin et al. 2018, appendix A.2).

    Unlike `keras.optimizers.AdamW` it never decays variables of less than two axes, that is biases and normalisations,
    without a list that is lost when the optimiser is saved; and it clips the gradient of the whole global batch, after
    the devices have added theirs up, so that the number of devices does not change the update. With `use_ema` the
    averages stay beside the weights: see `averaging.averaged_weights`.

    Args:
        learning_rate: a number or a `keras.optimizers.schedules.LearningRateSchedule`.
        weight_decay: per step a weight loses `learning_rate x weight_decay` of itself.
        beta_1: decay of the mean of the gradients.
        beta_2: decay of the mean of their squares.
        epsilon: added to the root of the latter, after the correction of its bias as in the paper and in PyTorch; in
            Keras before it, where the same number slows the first thousand steps.
        global_clipnorm: largest norm of all gradients together; None for no limit.
        learning_rate_factors: beginnings of variables' paths -> a factor on their learning rate and so on their decay,
            such as those of `freezing.learning_rate_factors`; other variables have the whole rate.
        **kwargs: as for `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate=1e-4, weight_decay: float = 0.01, beta_1: float = 0.9, beta_2: float = 0.999,
                 epsilon: float = 1e-6, global_clipnorm: float | None = 1.0,
                 learning_rate_factors: Mapping[str, float] | None = None, name: str = "adamw", **kwargs):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2,
                         epsilon=epsilon, global_clipnorm=global_clipnorm, name=name, **kwargs)
        self.learning_rate_factors = dict(learning_rate_factors or {})
        self._update: _Update | None = None

    def apply(self, grads, trainable_variables=None):
        """Updates variables, by default those it was built with."""
        self._update = _Update()
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._update = None

    def _clip_gradients(self, grads):
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        if several or self.amsgrad or not self.global_clipnorm:
            return super()._clip_gradients(grads)
        # The update multiplies them; a pass over all gradients for that alone would cost a fifth of it.
        grads, self._update.clipping_factor = clipping(grads, self.global_clipnorm)
        return grads

    def update_step(self, gradient, variable, learning_rate):
        """Decays one variable and moves it."""
        made = self._update or _Update()
        numbers, decay = self._numbers(made.numbers, variable.dtype, self._factor(variable), learning_rate)
        if not self.weight_decay or not self._use_weight_decay(variable):
            decay = None
        if self.amsgrad:
            if decay is not None:
                self.assign_sub(variable, ops.multiply(variable, decay))
            super().update_step(gradient, variable, numbers.rate)
            return
        index = self._get_variable_index(variable)
        update_variable(variable, self._momentums[index].value, self._velocities[index].value,
                        ops.cast(gradient, variable.dtype), numbers=numbers, factor=made.clipping_factor, decay=decay)

    def _numbers(self, made: dict, dtype: str, factor: float, learning_rate) -> tuple[UpdateNumbers, tf.Tensor]:
        """The numbers of this update and the share that weights lose; those that are `made` are not made again."""
        # A branch or another device's function is a graph of its own.
        key = dtype, factor, tf.compat.v1.get_default_graph()
        if key not in made:
            rate = ops.cast(learning_rate, dtype) * factor
            numbers = update_numbers(ops.cast(self.iterations + 1, dtype), rate, self.beta_1, self.beta_2,
                                     self.epsilon)
            made[key] = numbers, rate * (self.weight_decay or 0.0)
        return made[key]

    def _apply_weight_decay(self, variables):
        """Nothing: the decay is part of the update, which knows the variable's own rate."""

    def _factor(self, variable) -> float:
        # Under a strategy `variable` is one device's copy; the path is known of the whole.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        return next((factor for start, factor in self.learning_rate_factors.items() if path.startswith(start)), 1.0)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return super().get_config() | {"learning_rate_factors": self.learning_rate_factors}


class _Update:
    """What the variables of one update have in common.

    Attributes:
        clipping_factor: what gradients are multiplied by; None for nothing.
        numbers: those that are made.
    """

    def __init__(self):
        self.clipping_factor: tf.Tensor | None = None
        self.numbers: dict[tuple, tuple[UpdateNumbers, tf.Tensor]] = {}
