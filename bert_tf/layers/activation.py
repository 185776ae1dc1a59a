"""The activations that BERT models are published with."""

import math
from collections.abc import Callable

import keras
from keras import ops


def activation_function(name: str, *, inference: bool = False) -> Callable:
    """The elementwise function called `name`.

    Args:
        name: of one of `config.ACTIVATIONS`.
        inference: GELU in the precision of its input throughout; TensorFlow makes it one kernel with the matrix product
            before it. Otherwise it is computed in float32 at least.

    `gelu` is the exact form x * Phi(x) (Hendrycks and Gimpel 2016), as in the first BERT release; `gelu_tanh` its
    approximation, as in Google's code since February 2019. They differ by up to 5e-4, enough to tell models apart.

    Raises:
        ValueError: there is no such activation.
    """
    if name not in _FUNCTION_OF:
        known = ", ".join(_FUNCTION_OF)
        raise ValueError(f"Expected `activation` to be one of {known}. Received: activation={name!r}.")
    if keras.backend.backend() == "tensorflow" and name in _TENSORFLOW_GELU:
        gelu, twice_phi = _TENSORFLOW_GELU[name]
        return (lambda x: 0.5 * x * twice_phi(x)) if inference else ops.custom_gradient(gelu)
    return _FUNCTION_OF[name]


def _gelu(x):
    """Exact GELU of a TensorFlow tensor, and its gradient.

    TensorFlow differentiates its GELU operation by operation, in bfloat16 if that is what comes in; other backends have
    one kernel for it. The order of the factors is the one that LiteRT's converter knows as its GELU.
    """
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    twice_phi = _twice_phi(wide)

    def gradient(upstream):
        density = math.sqrt(0.5 / math.pi) * ops.exp(-0.5 * ops.square(wide))
        return ops.cast(ops.cast(upstream, wide.dtype) * (0.5 * twice_phi + wide * density), x.dtype)

    return ops.cast(0.5 * wide * twice_phi, x.dtype), gradient


def _twice_phi(x):
    return 1.0 + ops.erf(x * math.sqrt(0.5))


def _gelu_tanh(x):
    """As `_gelu`, with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) in place of erf(x / sqrt(2))."""
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    scale = math.sqrt(2.0 / math.pi)
    twice_phi = _twice_phi_tanh(wide)

    def gradient(upstream):
        # tanh' = 1 - tanh^2 = (2 - twice_phi) * twice_phi
        inner = scale + (3 * 0.044715 * scale) * ops.square(wide)
        slope = twice_phi * (0.5 + wide * (1.0 - 0.5 * twice_phi) * inner)
        return ops.cast(ops.cast(upstream, wide.dtype) * slope, x.dtype)

    return ops.cast(0.5 * wide * twice_phi, x.dtype), gradient


def _twice_phi_tanh(x):
    return 1.0 + ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * ops.power(x, 3)))


_FUNCTION_OF = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "relu": ops.relu,
    "silu": ops.silu,
}
_TENSORFLOW_GELU = {"gelu": (_gelu, _twice_phi), "gelu_tanh": (_gelu_tanh, _twice_phi_tanh)}
