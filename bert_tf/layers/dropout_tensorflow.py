"""Random masks on TensorFlow; imported only where Keras runs on it."""

import math

import tensorflow as tf


def drop(inputs: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Sets elements to 0 and scales the others; two elements share a random number of 32 bits.

    Args:
        inputs: float, of any shape.
        rate: share of the elements, rounded to a multiple of 2**-16.
        seed: integer `(2,)`.
    """
    share = min(round(rate * 2**16), 2**16 - 1)
    shape = tf.shape(inputs)
    size = math.prod(inputs.shape) if inputs.shape.is_fully_defined() else tf.reduce_prod(shape)
    # All bits, not a range of numbers, which takes a division for each.
    numbers = tf.random.stateless_uniform(((size + 1) // 2,), seed, None, None, tf.int32)
    halves = tf.reshape(tf.bitcast(numbers, tf.int16), (-1,))[:size]
    is_kept = tf.reshape(halves >= share - 2**15, shape)
    return inputs * (tf.cast(is_kept, inputs.dtype) * (2**16 / (2**16 - share)))
