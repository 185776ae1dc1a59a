"""The activations that BERT models are published with."""

from collections.abc import Callable

import keras

_FUNCTION_OF = {
    "gelu": lambda x: keras.ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: keras.ops.gelu(x, approximate=True),
    "relu": keras.ops.relu,
    "silu": keras.ops.silu,
}


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
    return _FUNCTION_OF[name]
