"""Random decisions on JAX, one for each element of a tensor; imported only where Keras runs on it."""

import jax
import jax.numpy as jnp


def is_kept(index: jax.Array, seed: jax.Array, rate: float) -> jax.Array:
    """Whether dropout keeps an element; true for 1 - `rate` of them.

    A hash of the element's number: a few integer operations, which XLA and a kernel compute in passing, where random
    numbers would be a computation of their own. The hash is two rounds of a bijection of 32 bits with low bias
    (Wellons 2018, "Prospecting for hash functions", `lowbias32`), each begun with one half of the seed.

    Args:
        index: uint32, numbers of the elements.
        seed: uint32 `(2,)`, of a `SeedGenerator`.
        rate: share that is dropped, in [0, 1).

    Returns:
        bool, of the shape of `index`.
    """
    bits = _mixed(_mixed(index + seed[0]) + seed[1])
    return bits >= jnp.uint32(round(rate * 2**32))


def _mixed(bits: jax.Array) -> jax.Array:
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x846CA68B)
    return bits ^ (bits >> 16)
