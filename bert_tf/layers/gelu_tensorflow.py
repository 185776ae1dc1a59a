"""GELU on TensorFlow, with a gradient of its own; imported only where Keras runs on it."""

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from bert_tf.layers.one_cpu_tensorflow import trains_on_one_cpu

_LEAST_COMPILED = 1024
"""Width of rows; for narrower ones the call costs what it saves, and XLA takes 0.1 s for each new shape."""


def inference_gelu(name: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """The GELU called `name`, in the precision of its input throughout.

    TensorFlow makes it one kernel with the matrix product before it. The order of the factors is the one that LiteRT's
    converter knows as its GELU.
    """
    twice_phi, _ = _PARTS[name]
    return lambda x: 0.5 * x * twice_phi(x)


def training_gelu(name: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """The GELU called `name`, computed in float32 at least, and its gradient.

    TensorFlow differentiates GELU operation by operation, in bfloat16 if that is what comes in. On one CPU XLA makes
    each direction one pass over memory instead of some eight, and only the input is kept for the gradient.
    """
    twice_phi, slope = _PARTS[name]

    @tf.custom_gradient
    def gelu(x):
        if trains_on_one_cpu() and x.shape.rank == 2 and (x.shape[1] or 0) >= _LEAST_COMPILED:
            forward, backward = _compiled_passes(name, x.shape[1], x.dtype)
            return forward(x), lambda upstream: backward(upstream, x)
        wide = _wide(x)
        factor = twice_phi(wide)
        return tf.cast(0.5 * wide * factor, x.dtype), lambda upstream: tf.cast(
            _wide(upstream) * slope(wide, factor), x.dtype)

    return lambda x: gelu(tf.convert_to_tensor(x))


@functools.cache  # the same for all layers, or XLA would compile them for each
def _compiled_passes(name, width, dtype):
    twice_phi, slope = _PARTS[name]
    rows = tf.TensorSpec((None, width), dtype)

    @tf.function(jit_compile=True, autograph=False, input_signature=[rows])
    def forward(x):
        wide = _wide(x)
        return tf.cast(0.5 * wide * twice_phi(wide), dtype)

    @tf.function(jit_compile=True, autograph=False, input_signature=[rows, rows])
    def backward(upstream, x):
        wide = _wide(x)
        return tf.cast(_wide(upstream) * slope(wide, twice_phi(wide)), dtype)

    return forward, backward


def _wide(x):
    return tf.cast(x, tf.float64 if x.dtype == tf.float64 else tf.float32)


def _twice_phi(x):
    return 1.0 + tf.math.erf(x * math.sqrt(0.5))


def _slope(x, twice_phi):
    density = math.sqrt(0.5 / math.pi) * tf.exp(-0.5 * tf.square(x))
    return 0.5 * twice_phi + x * density


def _twice_phi_tanh(x):
    return 1.0 + tf.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * tf.pow(x, 3)))


def _slope_tanh(x, twice_phi):
    # tanh' = 1 - tanh^2 = (2 - twice_phi) * twice_phi
    scale = math.sqrt(2.0 / math.pi)
    inner = scale + (3 * 0.044715 * scale) * tf.square(x)
    return twice_phi * (0.5 + x * (1.0 - 0.5 * twice_phi) * inner)


_PARTS = {"gelu": (_twice_phi, _slope), "gelu_tanh": (_twice_phi_tanh, _slope_tanh)}
