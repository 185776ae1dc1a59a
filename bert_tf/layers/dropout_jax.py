"""Dropout on JAX; imported only where Keras runs on it."""

import math

import jax
import jax.numpy as jnp

from bert_tf.layers.random_bits_jax import hashes, is_kept


def drop(inputs: jax.Array, rate: float, seed: jax.Array) -> jax.Array:
    """Sets elements to 0 and scales the others.

    Args:
        inputs: float `(..., width)`.
        rate: share of the elements.
        seed: uint32 `(2,)`.
    """
    *leading, width = inputs.shape
    row, column = hashes(seed, math.prod(leading), width)
    kept = is_kept(row.reshape(*leading, 1), column, rate)
    return jnp.where(kept, inputs * (1 / (1 - rate)), jnp.zeros((), inputs.dtype))
