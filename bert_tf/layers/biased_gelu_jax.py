"""GELU of a product and its bias, with a gradient in one kernel on a GPU; imported only where Keras runs on JAX.

XLA adds the bias in the product and computes GELU behind it. For the gradient it would go over the same tensor twice,
once for the product's gradient and once for its sums over all rows, the bias'; the kernel gives both.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from bert_tf.layers.gelu_jax import gelu_function, slope_tanh
from bert_tf.layers.kernels_jax import compiler_options, has_kernels

_COLUMNS, _ROWS, _WARPS = 512, 4, 4
"""What a program has in registers at once, and the warps that share it."""
_PROGRAM_ROWS = 128
"""Rows of a program, one after another."""
_LEAST_COLUMNS = 128


def runs_here(width: int, dtype: Any) -> bool:
    """Whether rows of this width and type are computed here."""
    return math.gcd(width, _COLUMNS) >= _LEAST_COLUMNS and has_kernels(dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def biased_gelu(product: jax.Array, bias: jax.Array, name: str, interpret: bool = False) -> jax.Array:
    """GELU of `product` + `bias`; computed in float32.

    Args:
        product: float `(rows, width)`.
        bias: `(width,)`.
        name: of the GELU, see `gelu_jax`.
        interpret: run without a GPU, slowly.

    Returns:
        Of the shape and type of `product`.
    """
    return _forward(product, bias, name, interpret)[0]


def _forward(product, bias, name, interpret):
    del interpret
    inputs = product + bias.astype(product.dtype)
    return gelu_function(name)(inputs), (inputs, bias)


def _backward(name, interpret, kept, upstream):
    inputs, bias = kept
    rows, width = inputs.shape
    of_program, columns = math.gcd(rows, _PROGRAM_ROWS), math.gcd(width, _COLUMNS)
    block = pl.BlockSpec((of_program, columns), lambda i, j: (i, j))
    gradient, sums = pl.pallas_call(
        functools.partial(_backward_kernel, slope=_SLOPES[name], at_once=math.gcd(of_program, _ROWS)),
        grid=(rows // of_program, width // columns), in_specs=[block, block],
        out_specs=[block, pl.BlockSpec((None, columns), lambda i, j: (i, j))],
        out_shape=[jax.ShapeDtypeStruct(inputs.shape, inputs.dtype),
                   jax.ShapeDtypeStruct((rows // of_program, width), jnp.float32)],
        interpret=interpret, name="gelu_gradient", **compiler_options(_WARPS),
    )(inputs, upstream)
    return gradient, sums.sum(0).astype(bias.dtype)


biased_gelu.defvjp(_forward, _backward)


def _backward_kernel(inputs_ref, upstream_ref, gradient_ref, sums_ref, *, slope, at_once):
    of_program, columns = inputs_ref.shape

    def add_rows(number, sums):
        rows = pl.ds(number * at_once, at_once)
        gradient = upstream_ref[rows, :].astype(jnp.float32) * slope(inputs_ref[rows, :].astype(jnp.float32))
        gradient_ref[rows, :] = gradient.astype(gradient_ref.dtype)
        return sums + gradient

    zeros = jnp.zeros((at_once, columns), jnp.float32)
    sums_ref[...] = jnp.sum(jax.lax.fori_loop(0, of_program // at_once, add_rows, zeros), axis=0)


_ERFC = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def _slope(x):
    """Phi(x) + x * phi(x), of which both have the factor exp(-x**2 / 2).

    erfc is Abramowitz and Stegun's 7.1.26, 1.5e-7 off at most: kernels have no erf of their own.
    """
    bell = jnp.exp(-0.5 * x * x)
    t = 1.0 / (1.0 + (0.3275911 * math.sqrt(0.5)) * jnp.abs(x))
    tail = 0.5 * bell * functools.reduce(lambda total, factor: t * (total + factor), _ERFC, 0.0)
    return jnp.where(x < 0, tail, 1.0 - tail) + x * bell * math.sqrt(0.5 / math.pi)


_SLOPES = {"gelu": _slope, "gelu_tanh": slope_tanh}
