"""Attention as one kernel on a GPU; imported only where Keras runs on JAX.

After FlashAttention-2 (Dao 2023): the probabilities, `(batch, heads, seq, seq)`, are never in the GPU's memory. A
program has one block of queries and goes over all keys, keeping the softmax's largest score and sum so far; the
gradient computes the probabilities again from the logarithm of those sums. Dropout is a hash of the element's position
(`random_bits_jax`), computed again for the gradient, too.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

try:
    from jax.experimental.pallas import triton
except ImportError:  # JAX has announced to take it away
    triton = None

from bert_tf.layers.random_bits_jax import is_kept

_BLOCK = 64
"""Queries, and keys, that are multiplied at once."""
_BINARY = math.log2(math.e)
"""Scores are kept as logarithms to base 2, whose exponential a GPU has an instruction for."""


_HEAD_DIMS = (16, 32, 64, 128)
"""Widths of a head that its products can have."""
_LEAST_CAPABILITY = 8.0
"""Of an NVIDIA GPU that multiplies bfloat16."""


def runs_here(head_dim: int) -> bool:
    """Whether heads of this width can be computed here: on one GPU, because XLA cannot share the kernel out."""
    if triton is None or head_dim not in _HEAD_DIMS or jax.default_backend() != "gpu" or jax.device_count() > 1:
        return False
    capability = getattr(jax.devices()[0], "compute_capability", "")
    return capability.replace(".", "").isdigit() and float(capability) >= _LEAST_CAPABILITY


def attend(vectors: jax.Array, padding_mask: jax.Array, num_heads: int, *, masked_score: float, rate: float = 0.0,
           seed: jax.Array | None = None, interpret: bool = False) -> jax.Array:
    """Multi-head self-attention of all tokens.

    Args:
        vectors: float `(batch, seq, 3 * hidden)`, laid out [query | key | value], the heads side by side in each.
        padding_mask: int `(batch, seq)`, 1 = real token.
        num_heads: divides hidden.
        masked_score: what is added to the scores of padding.
        rate: share of the probabilities that is dropped.
        seed: uint32 `(2,)`, with a `rate`.
        interpret: run without a GPU, slowly.

    Returns:
        `(batch, seq, hidden)` of the type of `vectors`.
    """
    batch, seq, width = vectors.shape
    padded = -seq % _BLOCK
    heads = jnp.pad(vectors, ((0, 0), (0, padded), (0, 0))).reshape(
        batch, seq + padded, 3, num_heads, width // (3 * num_heads))
    bias = jnp.pad((1 - padding_mask.astype(jnp.float32)) * (masked_score * _BINARY), ((0, 0), (0, padded)),
                   constant_values=-math.inf)
    seed = jnp.zeros(2, jnp.uint32) if seed is None else seed
    context = _attend(heads, bias, seed, rate, interpret)
    return context[:, :seq].reshape(batch, seq, width // 3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _attend(heads, bias, seed, rate, interpret):
    return _forward(heads, bias, seed, rate, interpret)[0]


def _forward(heads, bias, seed, rate, interpret):
    """`(batch, seq, 3, heads, head)` -> `(batch, seq, heads, head)`, and what the gradient needs."""
    batch, seq, _, num_heads, head_dim = heads.shape
    out, normalizer = pl.pallas_call(
        functools.partial(_forward_kernel, rate=rate),
        grid=(batch, num_heads, seq // _BLOCK),
        in_specs=[_all_rows(seq, 3, head_dim), _of_example(seq), _seed_spec()],
        out_specs=[_rows(head_dim), _of_rows()],
        out_shape=[jax.ShapeDtypeStruct((batch, seq, num_heads, head_dim), heads.dtype),
                   jax.ShapeDtypeStruct((batch, num_heads, seq), jnp.float32)],
        interpret=interpret, name="attention", **_compiler_options(num_stages=3),
    )(heads, bias, seed)
    return out, (heads, bias, seed, out, normalizer)


def _backward(rate, interpret, kept, upstream):
    heads, bias, seed, out, normalizer = kept
    batch, seq, _, num_heads, head_dim = heads.shape
    # What the softmax's gradient takes off each row: sum(gradient of probabilities x probabilities).
    taken = jnp.einsum("bshd,bshd->bhs", out, upstream, preferred_element_type=jnp.float32)
    gradient = pl.pallas_call(
        functools.partial(_backward_kernel, rate=rate),
        grid=(batch, num_heads, seq // _BLOCK),
        in_specs=[_all_rows(seq, 3, head_dim), _of_example(seq), _seed_spec(),
                  pl.BlockSpec((None, seq, None, head_dim), lambda b, h, i: (b, 0, h, 0)),
                  pl.BlockSpec((None, None, seq), lambda b, h, i: (b, h, 0)),
                  pl.BlockSpec((None, None, seq), lambda b, h, i: (b, h, 0))],
        out_specs=pl.BlockSpec((None, _BLOCK, 3, None, head_dim), lambda b, h, i: (b, i, 0, h, 0)),
        out_shape=jax.ShapeDtypeStruct(heads.shape, heads.dtype),
        interpret=interpret, name="attention_gradient", **_compiler_options(num_stages=2),
    )(heads, bias, seed, upstream, normalizer, taken)
    return gradient, None, None


_attend.defvjp(_forward, _backward)


def _compiler_options(num_stages):
    return {} if triton is None else {"compiler_params": triton.CompilerParams(num_warps=4, num_stages=num_stages)}


def _all_rows(seq, parts, head_dim):
    return pl.BlockSpec((None, seq, parts, None, head_dim), lambda b, h, i: (b, 0, 0, h, 0))


def _rows(head_dim):
    return pl.BlockSpec((None, _BLOCK, None, head_dim), lambda b, h, i: (b, i, h, 0))


def _of_example(seq):
    return pl.BlockSpec((None, seq), lambda b, h, i: (b, 0))


def _of_rows():
    return pl.BlockSpec((None, None, _BLOCK), lambda b, h, i: (b, h, i))


def _seed_spec():
    return pl.BlockSpec((2,), lambda b, h, i: (0,))


def _forward_kernel(heads_ref, bias_ref, seed_ref, out_ref, normalizer_ref, *, rate):
    seq, _, head_dim = heads_ref.shape
    row = pl.program_id(2)
    rows = pl.ds(row * _BLOCK, _BLOCK)
    query = heads_ref[rows, 0, :]
    kept = _decisions(seed_ref, seq, rate)

    def add_keys(column, carry):
        sums, largest, total = carry
        columns = pl.ds(column * _BLOCK, _BLOCK)
        scores = _scores(query, heads_ref[columns, 1, :], bias_ref[columns])
        now = jnp.maximum(largest, jnp.max(scores, axis=1))
        weights = jnp.exp2(scores - now[:, None])
        factor = jnp.exp2(largest - now)
        total = total * factor + jnp.sum(weights, axis=1)
        weights = kept(weights, row, column).astype(query.dtype)
        return sums * factor[:, None] + _product(weights, heads_ref[columns, 2, :], 1, 0), now, total

    sums, largest, total = jax.lax.fori_loop(0, seq // _BLOCK, add_keys, (
        jnp.zeros((_BLOCK, head_dim), jnp.float32), jnp.full(_BLOCK, -math.inf, jnp.float32),
        jnp.zeros(_BLOCK, jnp.float32)))
    out_ref[...] = (sums / total[:, None]).astype(out_ref.dtype)
    normalizer_ref[...] = largest + jnp.log2(total)


def _backward_kernel(heads_ref, bias_ref, seed_ref, upstream_ref, normalizer_ref, taken_ref, gradient_ref, *, rate):
    """Block i of all three gradients: of its keys and values from all queries, of its queries from all keys."""
    seq, _, head_dim = heads_ref.shape
    number = pl.program_id(2)
    own = pl.ds(number * _BLOCK, _BLOCK)
    kept = _decisions(seed_ref, seq, rate)
    own_query, own_key, own_value = heads_ref[own, 0, :], heads_ref[own, 1, :], heads_ref[own, 2, :]
    own_bias, own_upstream = bias_ref[own], upstream_ref[own, :]
    own_normalizer, own_taken = normalizer_ref[own], taken_ref[own]

    def gradients(query, key, value, bias, upstream, normalizer, taken, row, column):
        """Dropped probabilities, and the gradient of the scores; (queries, keys)."""
        probabilities = jnp.exp2(_scores(query, key, bias) - normalizer[:, None])
        by_probabilities = kept(_product(upstream, value, 1, 1), row, column)
        by_scores = probabilities * (by_probabilities - taken[:, None])
        return kept(probabilities, row, column).astype(query.dtype), by_scores.astype(query.dtype)

    def add_queries(row, carry):
        by_key, by_value = carry
        rows = pl.ds(row * _BLOCK, _BLOCK)
        query, upstream = heads_ref[rows, 0, :], upstream_ref[rows, :]
        dropped, by_scores = gradients(query, own_key, own_value, own_bias, upstream, normalizer_ref[rows],
                                       taken_ref[rows], row, number)
        return by_key + _product(by_scores, query, 0, 0), by_value + _product(dropped, upstream, 0, 0)

    def add_keys(column, by_query):
        columns = pl.ds(column * _BLOCK, _BLOCK)
        key = heads_ref[columns, 1, :]
        _, by_scores = gradients(own_query, key, heads_ref[columns, 2, :], bias_ref[columns], own_upstream,
                                 own_normalizer, own_taken, number, column)
        return by_query + _product(by_scores, key, 1, 0)

    zeros = jnp.zeros((_BLOCK, head_dim), jnp.float32)
    by_key, by_value = jax.lax.fori_loop(0, seq // _BLOCK, add_queries, (zeros, zeros))
    by_query = jax.lax.fori_loop(0, seq // _BLOCK, add_keys, zeros)
    scale = head_dim**-0.5
    gradient_ref[:, 0, :] = (by_query * scale).astype(gradient_ref.dtype)
    gradient_ref[:, 1, :] = (by_key * scale).astype(gradient_ref.dtype)
    gradient_ref[:, 2, :] = by_value.astype(gradient_ref.dtype)


def _scores(query, key, bias):
    """`(queries, keys)`, as logarithms to base 2."""
    return _product(query, key, 1, 1) * (query.shape[1]**-0.5 * _BINARY) + bias[None, :]


def _product(first, second, first_axis, second_axis):
    """The sum over one axis of each; float32."""
    return jax.lax.dot_general(first, second, (((first_axis,), (second_axis,)), ((), ())),
                               preferred_element_type=jnp.float32)


def _decisions(seed_ref, seq, rate):
    """Drops elements of block (row, column) of this program's example and head, and scales the others."""
    if not rate:
        return lambda values, row, column: values
    seed = (seed_ref[0], seed_ref[1])
    first = (pl.program_id(0) * pl.num_programs(1) + pl.program_id(1)) * seq

    def drop(values, row, column):
        rows = first + row * _BLOCK + jnp.arange(_BLOCK)
        columns = column * _BLOCK + jnp.arange(_BLOCK)
        index = rows.astype(jnp.uint32)[:, None] * jnp.uint32(seq) + columns.astype(jnp.uint32)[None, :]
        return jnp.where(is_kept(index, seed, rate), values * (1 / (1 - rate)), 0.0)

    return drop
