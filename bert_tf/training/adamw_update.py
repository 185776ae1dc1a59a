"""AdamW's update of one variable."""

from typing import NamedTuple

import tensorflow as tf

_LEAST_COMPILED = 2**18
"""Elements; for smaller variables the call costs more than it saves."""


class UpdateNumbers(NamedTuple):
    """What all variables with one learning rate have in common in an update; scalars in their type.

    Attributes:
        beta_1: decay of the mean of the gradients.
        beta_2: decay of the mean of their squares.
        rate: learning rate.
        mean_power: `beta_1` to the power of the number of this step.
        square_power: `beta_2` likewise.
        corrected_rate: for means and roots whose bias is not corrected.
        epsilon: added to the uncorrected root, which is smaller than the corrected one.
    """

    beta_1: float
    beta_2: float
    rate: tf.Tensor
    mean_power: tf.Tensor
    square_power: tf.Tensor
    corrected_rate: tf.Tensor
    epsilon: tf.Tensor


def update_numbers(step: tf.Tensor, rate: tf.Tensor, beta_1: float, beta_2: float, epsilon: float) -> UpdateNumbers:
    """The numbers of an update.

    Args:
        step: its number, from 1, in the type of the variables.
        rate: learning rate.
        beta_1: decay of the mean of the gradients.
        beta_2: decay of the mean of their squares.
        epsilon: added to the root of the latter after the correction of its bias.
    """
    mean_power, square_power = tf.pow(beta_1, step), tf.pow(beta_2, step)
    correction = tf.sqrt(1 - square_power)
    return UpdateNumbers(beta_1, beta_2, rate, mean_power, square_power, rate * correction / (1 - mean_power),
                         epsilon * correction)


def update_variable(weight, mean, square, gradient, *, numbers: UpdateNumbers, factor, decay) -> None:
    """Decays a variable and moves it (Loshchilov and Hutter 2019, algorithm 2).

    On one CPU, where memory is what limits this, large variables are updated by a function of XLA's, which goes over it
    fewer times; else TensorFlow's own kernel does all but the decay.

    Args:
        weight: the variable.
        mean: of its gradients, a variable like it.
        square: mean of their squares, a variable like it.
        gradient: like them.
        numbers: of this update.
        factor: what the gradient is multiplied by; None for nothing.
        decay: share of itself that the weight loses; None for nothing.
    """
    if decay is not None and _is_large_on_one_cpu(weight):
        _compiled_update(weight, mean, square, gradient, 1.0 if factor is None else factor, numbers.corrected_rate,
                         decay, numbers.epsilon, numbers.beta_1, numbers.beta_2)
        return
    if factor is not None:
        gradient *= factor
    if decay is not None:
        weight.assign_sub(weight * decay)
    tf.raw_ops.ResourceApplyAdam(
        var=weight.handle, m=mean.handle, v=square.handle, beta1_power=numbers.mean_power,
        beta2_power=numbers.square_power, lr=numbers.rate, beta1=numbers.beta_1, beta2=numbers.beta_2,
        epsilon=numbers.epsilon, grad=gradient)


def _is_large_on_one_cpu(variable) -> bool:
    return (variable.shape.num_elements() >= _LEAST_COMPILED and "CPU" in variable.device
            and tf.distribute.get_strategy().num_replicas_in_sync == 1)


@tf.function(jit_compile=True, autograph=False)
def _compiled_update(weight, mean, square, gradient, factor, rate, decay, epsilon, beta_1, beta_2):
    gradient = gradient * factor
    new_mean = beta_1 * mean + (1 - beta_1) * gradient
    new_square = beta_2 * square + (1 - beta_2) * gradient * gradient
    weight.assign(weight - decay * weight - rate * new_mean / (tf.sqrt(new_square) + epsilon))
    mean.assign(new_mean)
    square.assign(new_square)
