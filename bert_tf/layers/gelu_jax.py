"""GELU on JAX, with a gradient of its own; imported only where Keras runs on it."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp


def gelu_function(name: str) -> Callable[[jax.Array], jax.Array]:
    """The GELU called `name`, computed in float32 at least; only its input is kept for the gradient.

    JAX's own goes through erfc, for which XLA evaluates two polynomials and an exponential, and is differentiated in
    the precision of its input.
    """
    twice_phi, slope = _PARTS[name]

    @jax.custom_vjp
    def gelu(x):
        wide = _wide(x)
        return (0.5 * wide * twice_phi(wide)).astype(x.dtype)

    def backward(x, upstream):
        wide = _wide(x)
        # Written once: otherwise XLA computes it again for each sum and product that reads it.
        return (jax.lax.optimization_barrier((_wide(upstream) * slope(wide)).astype(x.dtype)),)

    gelu.defvjp(lambda x: (gelu(x), x), backward)
    return gelu


def _wide(x):
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _twice_phi(x):
    return 1.0 + jax.lax.erf(x * math.sqrt(0.5))


def _slope(x):
    return 0.5 * _twice_phi(x) + x * (math.sqrt(0.5 / math.pi) * jnp.exp(-0.5 * x * x))


def _twice_phi_tanh(x):
    return 1.0 + jnp.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))


def slope_tanh(x: jax.Array) -> jax.Array:
    """The derivative of "gelu_tanh", in the precision of `x`."""
    # tanh' = 1 - tanh^2 = (2 - twice_phi) * twice_phi
    scale, twice_phi = math.sqrt(2.0 / math.pi), _twice_phi_tanh(x)
    return twice_phi * (0.5 + x * (1.0 - 0.5 * twice_phi) * (scale + 3 * 0.044715 * scale * x * x))


_PARTS = {"gelu": (_twice_phi, _slope), "gelu_tanh": (_twice_phi_tanh, slope_tanh)}
