"""How much of a device's arithmetic a training run uses."""

import time

import tensorflow as tf

from bert_tf.config import EncoderConfig

_LARGEST = 8192
"""Rows of the largest product that is tried: a quarter of a GB in float32."""
_TRIES = 4


def training_flops(config: EncoderConfig, *, tokens: float, examples: float, masked: float) -> float:
    """Floating-point operations that training a BERT with both heads on so much text takes.

    Every multiply-add of a matrix product counts 2 forward and 4 backward (Kaplan et al. 2020, section 2.1), hence
    `6 x (tokens x (layers x (4 hidden^2 + 2 hidden x intermediate) + attention) + masked x (hidden^2 + hidden x
    vocabulary) + examples x hidden^2)`, where attention is `layers x 2 x hidden x tokens / examples`, its products with
    keys and values over the mean length. Padding and what is computed a second time to save memory do not count.

    Args:
        config: the encoder.
        tokens: those that are not padding.
        examples: rows.
        masked: positions that were predicted.
    """
    hidden = config.hidden_dim
    per_token = config.num_layers * (4 * hidden**2 + 2 * hidden * config.intermediate_dim
                                     + 2 * hidden * tokens / examples)
    return 6 * (tokens * per_token + masked * (hidden**2 + hidden * config.vocabulary_size) + examples * hidden**2)


def matrix_product_flops(dtype: str = "float32", seconds: float = 0.5) -> float:
    """Floating-point operations per second that the default device reaches with square matrix products.

    The products grow until one takes 20 ms or has 8,192 rows; then they are repeated for about so many `seconds`. The
    fastest of several tries counts: other programs slow them down, nothing makes them faster.
    """
    size = 256
    while (duration := _duration(size, dtype, repeats=2, tries=2)) < 0.02 and size < _LARGEST:
        size *= 2
    repeats = max(1, round(seconds / _TRIES / duration))
    return 2 * size**3 / _duration(size, dtype, repeats, _TRIES)


def _duration(size: int, dtype: str, repeats: int, tries: int) -> float:
    """Seconds of one product, the least of `tries`."""
    factor = tf.cast(tf.random.stateless_normal([size, size], [0, 0], stddev=size**-0.5), dtype)
    # Reading the sum waits for the device.
    _products(factor, tf.constant(1)).numpy()
    durations = []
    for _ in range(tries):
        start = time.perf_counter()
        _products(factor, tf.constant(repeats)).numpy()
        durations.append(time.perf_counter() - start)
    return min(durations) / repeats


@tf.function(reduce_retracing=True, autograph=False)
def _products(factor: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    _, product = tf.while_loop(lambda step, _: step < count,
                               lambda step, product: (step + 1, tf.matmul(product, factor)), (0, factor))
    return tf.reduce_sum(product)
