"""AdamW's update of one variable."""

import tensorflow as tf

_LEAST_COMPILED = 2**18
"""Elements; for smaller variables the call costs more than it saves."""


def update_variable(weight, mean, square, gradient, *, factor, rate, decay, mean_power, square_power, beta_1: float,
                    beta_2: float, epsilon: float) -> None:
    """Decays a variable and moves it (Loshchilov and Hutter 2019, algorithm 2).

    On one CPU, where memory is what limits this, large variables are updated by a function of XLA's, which goes over it
    fewer times; else TensorFlow's own kernel does all but the decay.

    Args:
        weight: the variable.
        mean: of its gradients, a variable like it.
        square: mean of their squares, a variable like it.
        gradient: like them.
        factor: what the gradient is multiplied by; None for nothing.
        rate: learning rate.
        decay: share of itself that the weight loses; None for nothing.
        mean_power: `beta_1` to the power of the number of this step.
        square_power: `beta_2` likewise.
        beta_1: decay of `mean`.
        beta_2: decay of `square`.
        epsilon: added to the root of `square` after the correction of its bias.
    """
    # What is added to the uncorrected root, which is smaller by this factor.
    correction = tf.sqrt(1 - square_power)
    epsilon *= correction
    if decay is not None and _is_large_on_one_cpu(weight):
        _compiled_update(weight, mean, square, gradient, 1.0 if factor is None else factor,
                         rate * correction / (1 - mean_power), decay, epsilon, beta_1, beta_2)
        return
    if factor is not None:
        gradient *= factor
    if decay is not None:
        weight.assign_sub(weight * decay)
    tf.raw_ops.ResourceApplyAdam(
        var=weight.handle, m=mean.handle, v=square.handle, beta1_power=mean_power, beta2_power=square_power, lr=rate,
        beta1=beta_1, beta2=beta_2, epsilon=epsilon, grad=gradient)


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
