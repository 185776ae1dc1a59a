"""Random decisions on JAX, one for each element of a tensor; imported only where Keras runs on it."""

import jax
import jax.numpy as jnp

_STEP = 0x9E3779B9
"""2**32 / golden ratio, an arbitrary constant."""
_FACTOR = 0x7FEB352D


def hashes(seed: jax.Array, rows: int, columns: int) -> tuple[jax.Array, jax.Array]:
    """What `is_kept` needs of each row and each column of a matrix of decisions.

    Args:
        seed: uint32 `(2,)`, of a `SeedGenerator`.
        rows: how many.
        columns: how many.

    Returns:
        uint32 `(rows,)` and uint32 `(columns,)`; all odd, so that no product of two loses a decision.
    """
    first = _mixed(_mixed(seed[0]) + seed[1])
    second = _mixed(_mixed(seed[1] + jnp.uint32(_STEP)) + seed[0])
    row = _mixed(_mixed(jax.lax.iota(jnp.uint32, rows) + first) + second)
    column = _mixed(_mixed(jax.lax.iota(jnp.uint32, columns) + second) + first)
    # Computed once: otherwise XLA does it again for each element.
    return jax.lax.optimization_barrier((row | jnp.uint32(1), column | jnp.uint32(1)))


def is_kept(row: jax.Array, column: jax.Array, rate: float) -> jax.Array:
    """Whether dropout keeps an element; true for 1 - `rate` of them.

    Four integer operations on two hashes, which XLA and a kernel compute in passing, where random numbers would be a
    computation of their own.

    Args:
        row: uint32, of `hashes`.
        column: uint32, in a shape that it broadcasts with.
        rate: share that is dropped, in [0, 1).

    Returns:
        bool.
    """
    bits = row * column
    bits = (bits ^ (bits >> 16)) * jnp.uint32(_FACTOR)
    return bits >= jnp.uint32(round(rate * 2**32))


def _mixed(bits: jax.Array) -> jax.Array:
    """A bijection of 32 bits with low bias (Wellons 2018, "Prospecting for hash functions", `lowbias32`)."""
    bits = (bits ^ (bits >> 16)) * jnp.uint32(_FACTOR)
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x846CA68B)
    return bits ^ (bits >> 16)
