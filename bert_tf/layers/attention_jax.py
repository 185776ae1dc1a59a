"""Attention as one kernel on a GPU; imported only where Keras runs on JAX.

After FlashAttention-2 (Dao 2023): the probabilities, `(batch, heads, seq, seq)`, are never in the GPU's memory. A
program has one block of queries and goes over all keys, keeping the softmax's largest score and sum so far; the
gradient computes the probabilities again from the logarithm of those sums. Dropout is a hash of the element's position
(`random_bits_jax`), computed again for the gradient, too.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from bert_tf.layers.kernels_jax import compiler_options, has_kernels, is_roomy
from bert_tf.layers.random_bits_jax import hashes, is_kept


class _Blocks(NamedTuple):
    """How a kernel is cut.

    Attributes:
        own: rows that a program gives results for, at most.
        other: rows that it looks at at once.
        num_warps: see `compiler_options`.
        num_stages: likewise, where there is shared memory for it.
    """

    own: int
    other: int
    num_warps: int
    num_stages: int


_FORWARD = _Blocks(128, 32, 4, 3)
_BACKWARD = _Blocks(64, 64, 4, 4)
_FEW_STAGES = 2
_LEAST_ROWS = 64
"""What the number of tokens is rounded up to a multiple of."""
_BINARY = math.log2(math.e)
"""Scores are kept as logarithms to base 2, whose exponential a GPU has an instruction for."""
_LEAST_PRODUCT = 16
"""Rows of a matrix that can be multiplied."""
_HEAD_DIMS = (16, 32, 64, 128)
"""Widths of a head that its products can have."""


def runs_here(head_dim: int, dtype: Any) -> bool:
    """Whether heads of this width and type are computed here."""
    return head_dim in _HEAD_DIMS and has_kernels(dtype)


def attend(products: jax.Array, bias: jax.Array, padding_mask: jax.Array, num_heads: int, *, masked_score: float,
           rate: float = 0.0, seed: jax.Array | None = None, interpret: bool = False) -> jax.Array:
    """Multi-head self-attention of all tokens.

    Args:
        products: float `(batch, seq, 3 * hidden)`, laid out [query | key | value], the heads side by side in each.
        bias: `(3 * hidden,)`, what is added to each of them. Its gradient is a by-product here.
        padding_mask: int `(batch, seq)`, 1 = real token.
        num_heads: divides hidden.
        masked_score: what is added to the scores of padding.
        rate: share of the probabilities that is dropped.
        seed: uint32 `(2,)`, with a `rate`.
        interpret: run without a GPU, slowly.

    Returns:
        `(batch, seq, hidden)` of the type of `products`.
    """
    batch, seq, width = products.shape
    padded = -seq % _LEAST_ROWS
    scores_bias = jnp.pad((1 - padding_mask.astype(jnp.float32)) * (masked_score * _BINARY), ((0, 0), (0, padded)),
                          constant_values=-math.inf)
    bits = _bits(seed, batch, num_heads, seq + padded) if rate else ()
    products = jnp.pad(products, ((0, 0), (0, padded), (0, 0)))
    context = _attend(products, bias, scores_bias, bits, num_heads, rate, interpret)
    return context[:, :seq].reshape(batch, seq, width // 3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def _attend(products, bias, scores_bias, bits, num_heads, rate, interpret):
    return _forward(products, bias, scores_bias, bits, num_heads, rate, interpret)[0]


def _forward(products, bias, scores_bias, bits, num_heads, rate, interpret):
    """`(batch, seq, 3 * hidden)` -> `(batch, seq, heads, head)`, and what the gradient needs."""
    batch, seq, width = products.shape
    head_dim = width // (3 * num_heads)
    # Rows of a matrix, so that the bias can be added by the product that made them.
    heads = (products.reshape(-1, width) + bias.astype(products.dtype)).reshape(
        batch, seq, 3, num_heads, head_dim)
    own, other = _blocks(_FORWARD, seq)
    out, normalizer = pl.pallas_call(
        functools.partial(_forward_kernel, other=other, rate=rate),
        grid=(batch, num_heads, seq // own),
        in_specs=[_all_rows(seq, 3, head_dim), _of_example(seq), *[_of_head(seq), _of_all(seq)][:len(bits)]],
        out_specs=[pl.BlockSpec((None, own, None, head_dim), lambda b, h, i: (b, i, h, 0)),
                   pl.BlockSpec((None, None, own), lambda b, h, i: (b, h, i))],
        out_shape=[jax.ShapeDtypeStruct((batch, seq, num_heads, head_dim), heads.dtype),
                   jax.ShapeDtypeStruct((batch, num_heads, seq), jnp.float32)],
        interpret=interpret, name="attention", **_options(_FORWARD, head_dim),
    )(heads, scores_bias, *bits)
    return out, (heads, bias, scores_bias, bits, out, normalizer)


def _backward(num_heads, rate, interpret, kept, upstream):
    heads, bias, scores_bias, bits, out, normalizer = kept
    batch, seq, _, _, head_dim = heads.shape
    own, other = _blocks(_BACKWARD, seq)
    # What the softmax's gradient takes off each row: sum(gradient of probabilities x probabilities); like all else in
    # the kernel without dropout's factor, which its results are multiplied with.
    taken = jnp.einsum("bshd,bshd->bhs", out, upstream, preferred_element_type=jnp.float32) * (1 - rate)
    gradient, sums = pl.pallas_call(
        functools.partial(_backward_kernel, other=other, rate=rate),
        grid=(batch, num_heads, seq // own),
        in_specs=[_all_rows(seq, 3, head_dim), _of_example(seq),
                  pl.BlockSpec((None, seq, None, head_dim), lambda b, h, i: (b, 0, h, 0)),
                  _of_head(seq), _of_head(seq), *[_of_head(seq), _of_all(seq)][:len(bits)]],
        out_specs=[pl.BlockSpec((None, own, 3, None, head_dim), lambda b, h, i: (b, i, 0, h, 0)),
                   pl.BlockSpec((None, None, 3, None, head_dim), lambda b, h, i: (b, i, 0, h, 0))],
        out_shape=[jax.ShapeDtypeStruct(heads.shape, heads.dtype),
                   jax.ShapeDtypeStruct((batch, seq // own, 3, num_heads, head_dim), jnp.float32)],
        interpret=interpret, name="attention_gradient", **_options(_BACKWARD, head_dim),
    )(heads, scores_bias, upstream, normalizer, taken, *bits)
    return gradient.reshape(batch, seq, -1), sums.sum((0, 1)).reshape(-1).astype(bias.dtype), None, None


_attend.defvjp(_forward, _backward)


def _bits(seed, batch, num_heads, seq):
    """What `is_kept` needs of each query, `(batch, heads, seq)`, and each key, `(seq,)`."""
    row, column = hashes(seed, batch * num_heads * seq, seq)
    return row.reshape(batch, num_heads, seq), column


def _blocks(blocks, seq):
    """How many rows of its own, and of others at once, a program has; both divide `seq`."""
    return math.gcd(seq, blocks.own), math.gcd(seq, blocks.other)


def _options(blocks, head_dim):
    """The stages were chosen for heads of 64 on an H100."""
    return compiler_options(blocks.num_warps, blocks.num_stages if head_dim <= 64 and is_roomy() else _FEW_STAGES)


def _all_rows(seq, parts, head_dim):
    return pl.BlockSpec((None, seq, parts, None, head_dim), lambda b, h, i: (b, 0, 0, h, 0))


def _of_example(seq):
    return pl.BlockSpec((None, seq), lambda b, h, i: (b, 0))


def _of_head(seq):
    return pl.BlockSpec((None, None, seq), lambda b, h, i: (b, h, 0))


def _of_all(seq):
    return pl.BlockSpec((seq,), lambda b, h, i: (0,))


def _forward_kernel(heads_ref, bias_ref, *refs, other, rate):
    *bits_refs, out_ref, normalizer_ref = refs
    seq, _, head_dim = heads_ref.shape
    own, _ = out_ref.shape
    rows = pl.ds(pl.program_id(2) * own, own)
    query = heads_ref[rows, 0, :]

    def add_keys(column, carry):
        sums, largest, total = carry
        columns = pl.ds(column * other, other)
        scores = _product(query, heads_ref[columns, 1, :].T) * (head_dim**-0.5 * _BINARY) + bias_ref[columns][None, :]
        now = jnp.maximum(largest, jnp.max(scores, axis=1))
        weights = jnp.exp2(scores - now[:, None])
        factor = jnp.exp2(largest - now)
        total = total * factor + jnp.sum(weights, axis=1)
        weights = _drop(weights, bits_refs, rows, columns, rate)
        return sums * factor[:, None] + _product(weights.astype(query.dtype), heads_ref[columns, 2, :]), now, total

    sums, largest, total = jax.lax.fori_loop(0, seq // other, add_keys, (
        jnp.zeros((own, head_dim), jnp.float32), jnp.full(own, -math.inf, jnp.float32),
        jnp.zeros(own, jnp.float32)))
    out_ref[...] = (sums / (total * (1 - rate))[:, None]).astype(out_ref.dtype)
    normalizer_ref[...] = largest + jnp.log2(total)


def _backward_kernel(heads_ref, bias_ref, upstream_ref, normalizer_ref, taken_ref, *refs, other, rate):
    """A block of all three gradients, of its keys and values from all queries, of its queries from all keys; and sums
    over its rows, for the bias.
    """
    *bits_refs, gradient_ref, sums_ref = refs
    seq, _, head_dim = heads_ref.shape
    own = gradient_ref.shape[0]
    rows = pl.ds(pl.program_id(2) * own, own)
    query, key, value, upstream = *(heads_ref[rows, part, :] for part in range(3)), upstream_ref[rows, :]
    bias, normalizer, taken = bias_ref[rows][:, None], normalizer_ref[rows][:, None], taken_ref[rows][:, None]
    scale = head_dim**-0.5

    def add_queries(number, carry):
        """To the sums of own keys and values; blocks are `(keys, queries)`."""
        by_key, by_value = carry
        others = pl.ds(number * other, other)
        queries, upstreams = heads_ref[others, 0, :], upstream_ref[others, :]
        shift = bias - normalizer_ref[others][None, :]
        probabilities = jnp.exp2(_product(key, queries.T) * (scale * _BINARY) + shift)
        dropped, by_probabilities = (_drop(values, bits_refs, others, rows, rate, transposed=True)
                                     for values in (probabilities, _product(value, upstreams.T)))
        by_scores = (probabilities * (by_probabilities - taken_ref[others][None, :])).astype(query.dtype)
        return by_key + _product(by_scores, queries), by_value + _product(dropped.astype(query.dtype), upstreams)

    def add_keys(number, by_query):
        """To the sums of own queries; blocks are `(queries, keys)`."""
        others = pl.ds(number * other, other)
        keys = heads_ref[others, 1, :]
        shift = bias_ref[others][None, :] - normalizer
        probabilities = jnp.exp2(_product(query, keys.T) * (scale * _BINARY) + shift)
        by_probabilities = _drop(_product(upstream, heads_ref[others, 2, :].T), bits_refs, rows, others, rate)
        by_scores = (probabilities * (by_probabilities - taken)).astype(query.dtype)
        return by_query + _product(by_scores, keys)

    zeros = jnp.zeros((own, head_dim), jnp.float32)
    by_key, by_value = jax.lax.fori_loop(0, seq // other, add_queries, (zeros, zeros))
    by_query = jax.lax.fori_loop(0, seq // other, add_keys, zeros)
    factor = 1 / (1 - rate)
    # A product, of as few rows as there may be, adds up faster than threads do.
    ones = jnp.full((_LEAST_PRODUCT, own), 1 / _LEAST_PRODUCT, gradient_ref.dtype)
    for part, values in enumerate((by_query * (scale * factor), by_key * (scale * factor), by_value * factor)):
        gradient_ref[:, part, :] = values = values.astype(gradient_ref.dtype)
        sums_ref[part, :] = jnp.sum(_product(ones, values), axis=0)


def _product(first, second):
    """Of matrices; float32."""
    return jnp.dot(first, second, preferred_element_type=jnp.float32)


def _drop(values, bits_refs, queries, keys, rate, transposed=False):
    """Sets elements of a block `(queries, keys)`, or `(keys, queries)`, to 0, and leaves the others as they are."""
    if not rate:
        return values
    row, column = bits_refs[0][queries], bits_refs[1][keys]
    row, column = (row[None, :], column[:, None]) if transposed else (row[:, None], column[None, :])
    return jnp.where(is_kept(row, column, rate), values, 0.0)
