"""The activations that BERT models are published with."""

import math
from collections.abc import Callable

import keras
from keras import ops


def activation_function(name: str) -> Callable:
    """The elementwise function called `name`.

    `gelu` is the exact form x * Phi(x) (Hendrycks and Gimpel 2016), as in the first BERT release; `gelu_tanh` its
    approximation, as in Google's code since February 2019. They differ by up to 5e-4, enough to tell models apart.

    Raises:
        ValueError: there is no such activation.
    """
    if name not in _FUNCTION_OF:
        known = ", ".join(_FUNCTION_OF)
        raise ValueError(f"Expected `activation` to be one of {known}. Received: activation={name!r}.")
    if keras.backend.backend() == "tensorflow" and name in _TENSORFLOW_GELU:
        return ops.custom_gradient(_TENSORFLOW_GELU[name])
    return _FUNCTION_OF[name]


def _gelu(x):
    """Exact GELU of a TensorFlow tensor, and its gradient.

    TensorFlow differentiates its GELU operation by operation, in bfloat16 if that is what comes in; other backends have
    one kernel for it. The order of the factors is the one that LiteRT's converter knows as its GELU.
    """
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    twice_phi = 1.0 + ops.erf(wide * math.sqrt(0.5))

    def gradient(upstream):
        density = math.sqrt(0.5 / math.pi) * ops.exp(-0.5 * ops.square(wide))
        return ops.cast(ops.cast(upstream, wide.dtype) * (0.5 * twice_phi + wide * density), x.dtype)

    return ops.cast(0.5 * wide * twice_phi, x.dtype), gradient


def _gelu_tanh(x):
    """As `_gelu`, with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) in place of erf(x / sqrt(2))."""
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    scale = math.sqrt(2.0 / math.pi)
    twice_phi = 1.0 + ops.tanh(scale * (wide + 0.044715 * ops.power(wide, 3)))

    def gradient(upstream):
        # tanh' = 1 - tanh^2 = (2 - twice_phi) * twice_phi
        inner = scale + (3 * 0.044715 * scale) * ops.square(wide)
        slope = twice_phi * (0.5 + wide * (1.0 - 0.5 * twice_phi) * inner)
        return ops.cast(ops.cast(upstream, wide.dtype) * slope, x.dtype)

    return ops.cast(0.5 * wide * twice_phi, x.dtype), gradient


_FUNCTION_OF = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "relu": ops.relu,
    "silu": ops.silu,
}
_TENSORFLOW_GELU = {"gelu": _gelu, "gelu_tanh": _gelu_tanh}
