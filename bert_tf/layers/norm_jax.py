"""Layer normalisation in training on JAX; imported only where Keras runs on it."""

import functools

import jax
import jax.numpy as jnp


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalize_to_train(inputs: jax.Array, gamma: jax.Array, beta: jax.Array, epsilon: float) -> jax.Array:
    """Layer normalisation over the last axis, with its gradient in closed form.

    Args:
        inputs: float `(..., hidden)`; below float32 it is computed in float32, and kept for the gradient as it is.
        gamma: the scale, `(hidden,)`, of the type that is computed in.
        beta: what is added.
        epsilon: added to the variance.

    Returns:
        Of the type of the inputs.
    """
    return _forward(inputs, gamma, beta, epsilon)[0]


def _forward(inputs, gamma, beta, epsilon):
    centred = inputs.astype(gamma.dtype)
    mean = jnp.mean(centred, -1, keepdims=True)
    centred -= mean
    scale = jax.lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + epsilon)
    return (centred * scale * gamma + beta).astype(inputs.dtype), (inputs, gamma, mean, scale)


def _backward(epsilon, kept, upstream):
    del epsilon
    inputs, gamma, mean, scale = kept
    upstream = upstream.astype(gamma.dtype)
    normal = (inputs.astype(gamma.dtype) - mean) * scale
    by_normal = upstream * gamma
    by_inputs = scale * (by_normal - jnp.mean(by_normal, -1, keepdims=True)
                         - normal * jnp.mean(by_normal * normal, -1, keepdims=True))
    rows = tuple(range(upstream.ndim - 1))
    # Written once: otherwise XLA computes it again for each sum and product that reads it.
    return (jax.lax.optimization_barrier(by_inputs.astype(inputs.dtype)), jnp.sum(upstream * normal, rows),
            jnp.sum(upstream, rows))


normalize_to_train.defvjp(_forward, _backward)
