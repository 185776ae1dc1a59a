"""Dropout, residual and norm in one kernel; on a computer without a GPU Pallas interprets it. Skipped without JAX."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from bert_tf.layers.dropout_jax import drop  # noqa: E402
from bert_tf.layers.residual_norm_jax import add_and_normalize, runs_here  # noqa: E402

EPSILON = 1e-12
SEED = jnp.array([12345, 7], jnp.uint32)
ON_GPU = jax.default_backend() == "gpu"


def values(shape):
    random = np.random.default_rng(shape[-1])
    width = shape[-1]
    return (random.normal(1, 2, shape), random.normal(0, 3, shape), random.normal(0, 2, width),
            random.normal(1, 0.3, width), random.normal(0, 1, width), random.normal(0, 1, shape))


def plain(residual, branch, bias, gamma, beta, rate):
    """The same one after another, in float32."""
    branch = branch + bias
    total = residual + (drop(branch, rate, SEED) if rate else branch)
    centred = total - total.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * gamma + beta


def fused(residual, branch, bias, gamma, beta, rate):
    return add_and_normalize(residual, branch, bias, gamma, beta, epsilon=EPSILON, rate=rate,
                             seed=SEED if rate else None, interpret=not ON_GPU)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(2, 24, 64), (5, 7, 96), (64, 128)])
def test_values_and_gradients_are_those_of_single_operations(shape, rate, dtype, tolerance):
    residual, branch, bias, gamma, beta, upstream = (jnp.asarray(value, "float32") for value in values(shape))
    residual, branch, bias, upstream = (value.astype(dtype) for value in (residual, branch, bias, upstream))
    wide = [value.astype("float32") for value in (residual, branch, bias)]
    expected, pull_back = jax.vjp(lambda *given: plain(*given, rate), *wide, gamma, beta)
    result, pull_back_fused = jax.vjp(lambda *given: fused(*given, rate), residual, branch, bias, gamma, beta)
    assert result.dtype == dtype and result.shape == shape
    np.testing.assert_allclose(np.asarray(result, "float32"), expected, atol=tolerance, rtol=tolerance)
    gradients, expected = pull_back_fused(upstream), pull_back(upstream.astype("float32"))
    for gradient, other, given in zip(gradients, expected, (residual, branch, bias, gamma, beta), strict=True):
        assert gradient.dtype == given.dtype
        # Those of bias, gamma and beta are sums over all rows.
        largest = float(jnp.abs(other).max())
        np.testing.assert_allclose(np.asarray(gradient, "float32"), other, atol=tolerance * largest, rtol=tolerance)


@pytest.mark.skipif(ON_GPU, reason="there is a GPU")
def test_without_a_gpu_they_are_single_operations():
    assert not runs_here(1024, "bfloat16")


@pytest.mark.parametrize("width, expected", [(128, True), (312, False), (384, True), (768, True), (1024, True)])
def test_widths_that_are_a_few_powers_of_two(width, expected, monkeypatch):
    monkeypatch.setattr("bert_tf.layers.residual_norm_jax.has_kernels", lambda dtype: True)
    assert runs_here(width, "bfloat16") is expected
