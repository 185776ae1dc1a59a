"""Layer normalisation in training on JAX; skipped without it."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from bert_tf.layers.norm_jax import normalize_to_train  # noqa: E402

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(1, 3, (8, 64, 6)).astype("float32")
GAMMA, BETA = RANDOM.normal(1, 0.3, (2, 6)).astype("float32")
UPSTREAM = RANDOM.normal(0, 1, INPUTS.shape).astype("float32")


def plain(inputs, gamma, beta):
    centred = inputs - inputs.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * gamma + beta


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("bfloat16", 3e-2)])
def test_values_and_gradients_are_those_that_jax_derives(dtype, tolerance):
    inputs = jnp.asarray(INPUTS, dtype)
    upstream = jnp.asarray(UPSTREAM, dtype)
    values, pull_back = jax.vjp(lambda *weights: normalize_to_train(*weights, 1e-12), inputs, GAMMA, BETA)
    expected, pull_back_plain = jax.vjp(plain, inputs.astype("float32"), GAMMA, BETA)
    assert values.dtype == dtype
    np.testing.assert_allclose(np.asarray(values, "float32"), expected, atol=tolerance, rtol=tolerance)
    for ours, theirs in zip(pull_back(upstream), pull_back_plain(upstream.astype("float32")), strict=True):
        np.testing.assert_allclose(np.asarray(ours, "float32"), theirs, atol=tolerance, rtol=tolerance)
