"""Dropout, residual and layer normalisation as one kernel on a GPU; imported only where Keras runs on JAX.

What it computes takes no time there, only reading and writing do: it reads both inputs once and writes their sum, which
the gradient needs, and the result. The gradient reads two tensors and writes two.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from bert_tf.layers.kernels_jax import compiler_options, has_kernels
from bert_tf.layers.random_bits_jax import hashes, is_kept

_FORWARD_ROWS, _BACKWARD_ROWS, _WARPS = 2, 4, 4
"""Rows that a program has in registers at once, and the warps that share them."""
_BACKWARD_PROGRAM_ROWS = 64
"""Rows of a program, one after another; it adds up what they give for the gradients of bias, gamma and beta."""
_MOST_CHUNKS = 8
"""Widths are cut into powers of two, as the compiler wants them."""


def runs_here(width: int, dtype: Any) -> bool:
    """Whether rows of this width and type are computed here."""
    return len(_chunks(width)) <= _MOST_CHUNKS and has_kernels(dtype)


def add_and_normalize(residual: jax.Array, branch: jax.Array, bias: jax.Array, gamma: jax.Array, beta: jax.Array, *,
                      epsilon: float, rate: float = 0.0, seed: jax.Array | None = None,
                      interpret: bool = False) -> jax.Array:
    """Layer normalisation of `residual` + dropout(`branch` + `bias`) over the last axis; computed in float32.

    Args:
        residual: float `(..., width)`.
        branch: of the same shape and type.
        bias: `(width,)`, of the layer that `branch` comes from. Its gradient is a by-product here.
        gamma: the scale, float32 `(width,)`.
        beta: what is added.
        epsilon: added to the variance.
        rate: share of the elements of `branch` that is dropped: the same ones as by `dropout_jax.drop`.
        seed: uint32 `(2,)`, with a `rate`.
        interpret: run without a GPU, slowly.

    Returns:
        Of the shape and type of `residual`.
    """
    width = residual.shape[-1]
    rows = residual.reshape(-1, width)
    bits = hashes(seed, *rows.shape) if rate else ()
    return _add_and_normalize(rows, branch.reshape(-1, width), bias, gamma, beta, bits, epsilon, rate,
                              interpret).reshape(residual.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(6, 7, 8))
def _add_and_normalize(residual, branch, bias, gamma, beta, bits, epsilon, rate, interpret):
    return _forward(residual, branch, bias, gamma, beta, bits, epsilon, rate, interpret)[0]


def _forward(residual, branch, bias, gamma, beta, bits, epsilon, rate, interpret):
    """`(rows, width)`, and what the gradient needs."""
    rows, width = residual.shape
    at_once = math.gcd(rows, _FORWARD_ROWS)
    block, of_row = pl.BlockSpec((at_once, width), lambda i: (i, 0)), pl.BlockSpec((at_once,), lambda i: (i,))
    of_all = pl.BlockSpec((width,), lambda i: (0,))
    out, total, mean, scale = pl.pallas_call(
        functools.partial(_forward_kernel, epsilon=epsilon, rate=rate), grid=(rows // at_once,),
        in_specs=[block, block, of_all, of_all, of_all, *[of_row, of_all][:len(bits)]],
        out_specs=[block, block, of_row, of_row],
        out_shape=[jax.ShapeDtypeStruct((rows, width), residual.dtype)] * 2 + [
            jax.ShapeDtypeStruct((rows,), jnp.float32)] * 2,
        interpret=interpret, name="residual_norm", **compiler_options(_WARPS),
    )(residual, branch, bias, gamma, beta, *bits)
    return out, (total, mean, scale, bias, gamma, bits)


def _backward(epsilon, rate, interpret, kept, upstream):
    del epsilon
    total, mean, scale, bias, gamma, bits = kept
    rows, width = total.shape
    of_program = math.gcd(rows, _BACKWARD_PROGRAM_ROWS)
    block, of_row = pl.BlockSpec((of_program, width), lambda i: (i, 0)), pl.BlockSpec((of_program,), lambda i: (i,))
    of_all, sums = pl.BlockSpec((width,), lambda i: (0,)), pl.BlockSpec((None, width), lambda i: (i, 0))
    count = 2 if rate else 1
    *by_inputs, by_bias, by_gamma, by_beta = pl.pallas_call(
        functools.partial(_backward_kernel, at_once=math.gcd(of_program, _BACKWARD_ROWS), rate=rate),
        grid=(rows // of_program,),
        in_specs=[block, block, of_row, of_row, of_all, *[of_row, of_all][:len(bits)]],
        out_specs=[block] * count + [sums] * 3,
        out_shape=[jax.ShapeDtypeStruct((rows, width), total.dtype)] * count + [
            jax.ShapeDtypeStruct((rows // of_program, width), jnp.float32)] * 3,
        interpret=interpret, name="residual_norm_gradient", **compiler_options(_WARPS),
    )(upstream, total, mean, scale, gamma, *bits)
    return (by_inputs[0], by_inputs[-1], by_bias.sum(0).astype(bias.dtype), by_gamma.sum(0), by_beta.sum(0), None)


_add_and_normalize.defvjp(_forward, _backward)


def _chunks(width):
    """The columns of a row, in pieces of the largest power of two that divides them all."""
    length = width & -width
    return [pl.ds(first, length) for first in range(0, width, length)]


def _forward_kernel(residual_ref, branch_ref, bias_ref, gamma_ref, beta_ref, *refs, epsilon, rate):
    *bits_refs, out_ref, total_ref, mean_ref, scale_ref = refs
    at_once, width = residual_ref.shape
    totals = []
    for columns in _chunks(width):
        branch = branch_ref[:, columns].astype(jnp.float32) + bias_ref[columns].astype(jnp.float32)[None, :]
        branch = _drop(branch, bits_refs, pl.ds(0, at_once), columns, rate)
        total = residual_ref[:, columns].astype(jnp.float32) + branch
        total_ref[:, columns] = total = total.astype(total_ref.dtype)
        totals.append(total.astype(jnp.float32))
    mean = _sum_of_rows(totals) / width
    totals = [total - mean[:, None] for total in totals]
    scale = jax.lax.rsqrt(_sum_of_rows([total * total for total in totals]) / width + epsilon)
    mean_ref[...], scale_ref[...] = mean, scale
    for columns, total in zip(_chunks(width), totals, strict=True):
        normal = total * scale[:, None]
        out_ref[:, columns] = (normal * gamma_ref[columns][None, :] + beta_ref[columns][None, :]).astype(out_ref.dtype)


def _backward_kernel(upstream_ref, total_ref, mean_ref, scale_ref, gamma_ref, *refs, at_once, rate):
    bits_refs, (*input_refs, by_bias_ref, by_gamma_ref, by_beta_ref) = (refs[:2], refs[2:]) if rate else ((), refs)
    of_program, width = total_ref.shape
    chunks = _chunks(width)

    def add_rows(number, carry):
        rows = pl.ds(number * at_once, at_once)
        mean, scale = mean_ref[rows][:, None], scale_ref[rows][:, None]
        upstreams = [upstream_ref[rows, columns].astype(jnp.float32) for columns in chunks]
        normals = [(total_ref[rows, columns].astype(jnp.float32) - mean) * scale for columns in chunks]
        by_normals = [upstream * gamma_ref[columns][None, :]
                      for upstream, columns in zip(upstreams, chunks, strict=True)]
        products = [by_normal * normal for by_normal, normal in zip(by_normals, normals, strict=True)]
        mean_of_one, mean_of_both = (_sum_of_rows(values)[:, None] / width for values in (by_normals, products))
        sums = []
        for columns, upstream, by_normal, normal, (by_bias, by_gamma, by_beta) in zip(
                chunks, upstreams, by_normals, normals, carry, strict=True):
            by_total = scale * (by_normal - mean_of_one - normal * mean_of_both)
            by_branch = _drop(by_total, bits_refs, rows, columns, rate)
            input_refs[0][rows, columns] = by_total.astype(total_ref.dtype)
            if rate:
                input_refs[1][rows, columns] = by_branch.astype(total_ref.dtype)
            sums.append((by_bias + by_branch, by_gamma + upstream * normal, by_beta + upstream))
        return tuple(sums)

    zeros = jnp.zeros((at_once, chunks[0].size), jnp.float32)
    sums = jax.lax.fori_loop(0, of_program // at_once, add_rows, ((zeros,) * 3,) * len(chunks))
    for columns, of_columns in zip(chunks, sums, strict=True):
        for ref, values in zip((by_bias_ref, by_gamma_ref, by_beta_ref), of_columns, strict=True):
            ref[columns] = jnp.sum(values, 0)


def _sum_of_rows(chunks):
    return functools.reduce(jnp.add, [jnp.sum(chunk, axis=1) for chunk in chunks])


def _drop(values, bits_refs, rows, columns, rate):
    """Dropout of `(rows, columns)`."""
    if not rate:
        return values
    row_ref, column_ref = bits_refs
    kept = is_kept(row_ref[rows][:, None], column_ref[columns][None, :], rate)
    return jnp.where(kept, values * (1 / (1 - rate)), 0.0)
