"""What the optimisers here add to those of Keras: clipping of the global batch, decay of matrices only, averages."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

# A context, not a global: `tf.distribute` traces every replica in a thread of its own.
_ARE_SUMMED = contextvars.ContextVar("gradients_are_summed", default=False)


class CommonOptimizer:
    """To be put before a Keras optimiser among the base classes.

    Keras clips on each device for itself and adds the devices' gradients up afterwards, so that the number of devices
    changes the update; here the sum comes first. Biases and normalisations, all variables of less than two axes, are
    not decayed, without a list of names that can miss one and that Keras loses when an optimiser is saved. With
    `use_ema` the averages stay beside the weights: see `averaging.averaged_weights`.
    """

    def _use_weight_decay(self, variable) -> bool:
        return len(variable.shape) >= 2

    def finalize_variable_values(self, var_list):
        """Leaves the weights as they were trained; Keras would put the averages in their place for good."""

    def _clip_gradients(self, grads):
        return grads if self._sum_comes_later() else self._clipped(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        if _ARE_SUMMED.get():
            return list(grads_and_vars)
        summed = super()._all_reduce_sum_gradients(grads_and_vars)
        if not self._sum_comes_later():
            return summed
        grads, variables = zip(*summed, strict=True)
        return list(zip(self._clipped(list(grads)), variables, strict=True))

    def _clipped(self, grads):
        if not self.global_clipnorm:
            return super()._clip_gradients(grads)
        grads, factor = clipping(grads, self.global_clipnorm)
        return [grad * factor for grad in grads]

    def _sum_comes_later(self) -> bool:
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        return several and not _ARE_SUMMED.get() and not tf.distribute.in_cross_replica_context()


def clipping(gradients: list, limit: float) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The gradients, all of them dense, and the factor that gives them together a norm of at most `limit`.

    As `tf.clip_by_global_norm`, the factor is NaN where the norm is not finite.
    """
    # Dense once instead of at each use, and a norm in one pass, which is also the one that trainers report.
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    norm = tf.linalg.global_norm(gradients)
    factor = limit * tf.minimum(1 / norm, 1 / limit)
    return gradients, tf.where(tf.math.is_finite(norm), factor, np.nan)


@contextlib.contextmanager
def summed_gradients() -> Iterator[None]:
    """Within it optimisers are given gradients that are summed over the devices already."""
    token = _ARE_SUMMED.set(True)
    try:
        yield
    finally:
        _ARE_SUMMED.reset(token)


def heed_summed_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Makes an optimiser of Keras' own heed `summed_gradients`; elsewhere it works as before."""
    if isinstance(optimizer, CommonOptimizer):
        return
    add_up = optimizer._all_reduce_sum_gradients
    optimizer._all_reduce_sum_gradients = lambda pairs: list(pairs) if _ARE_SUMMED.get() else add_up(pairs)
