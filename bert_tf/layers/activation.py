"""The activations that BERT models are published with."""

from collections.abc import Callable

import keras
from keras import ops


def activation_function(name: str, *, inference: bool = False) -> Callable:
    """The elementwise function called `name`.

    Args:
        name: of one of `config.ACTIVATIONS`.
        inference: on TensorFlow GELU in the precision of its input throughout, which makes it one kernel with the
            matrix product before it. Otherwise it is computed in float32 at least.

    `gelu` is the exact form x * Phi(x) (Hendrycks and Gimpel 2016), as in the first BERT release; `gelu_tanh` its
    approximation, as in Google's code since February 2019. They differ by up to 5e-4, enough to tell models apart.

    Raises:
        ValueError: there is no such activation.
    """
    if name not in _FUNCTION_OF:
        known = ", ".join(_FUNCTION_OF)
        raise ValueError(f"Expected `activation` to be one of {known}. Received: activation={name!r}.")
    is_gelu, backend = name in ("gelu", "gelu_tanh"), keras.backend.backend()
    if is_gelu and backend == "tensorflow":
        from bert_tf.layers.gelu_tensorflow import inference_gelu, training_gelu

        return inference_gelu(name) if inference else training_gelu(name)
    if is_gelu and backend == "jax":
        from bert_tf.layers.gelu_jax import gelu_function

        return gelu_function(name)
    return _FUNCTION_OF[name]


_FUNCTION_OF = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "relu": ops.relu,
    "silu": ops.silu,
}
