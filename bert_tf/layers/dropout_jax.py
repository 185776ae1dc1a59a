"""Dropout on JAX; imported only where Keras runs on it."""

import math

import jax
import jax.numpy as jnp

from bert_tf.layers.random_bits_jax import is_kept


def drop(inputs: jax.Array, rate: float, seed: jax.Array) -> jax.Array:
    """Sets elements to 0 and scales the others.

    Args:
        inputs: float, of any shape.
        rate: share of the elements.
        seed: uint32 `(2,)`.
    """
    index = jax.lax.iota(jnp.uint32, math.prod(inputs.shape)).reshape(inputs.shape)
    return jnp.where(is_kept(index, seed, rate), inputs * (1 / (1 - rate)), jnp.zeros((), inputs.dtype))
