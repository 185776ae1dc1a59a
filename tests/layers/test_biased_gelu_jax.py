"""GELU with the gradient of its bias; on a computer without a GPU Pallas interprets the kernel. Skipped without JAX."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from bert_tf.layers.biased_gelu_jax import biased_gelu, runs_here  # noqa: E402

ON_GPU = jax.default_backend() == "gpu"


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-6), ("bfloat16", 1e-2)])
@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
@pytest.mark.parametrize("shape", [(192, 128), (7, 1024)])
def test_values_and_gradients_are_those_of_jax(shape, name, dtype, tolerance):
    random = np.random.default_rng(len(name))
    product, bias, upstream = (jnp.asarray(random.normal(0, 2, size), dtype) for size in (shape, shape[1], shape))

    def plain(product, bias):
        return jax.nn.gelu(product + bias, approximate=name == "gelu_tanh")

    expected, pull_back = jax.vjp(plain, product.astype("float32"), bias.astype("float32"))
    result, pull_back_fused = jax.vjp(lambda *given: biased_gelu(*given, name, not ON_GPU), product, bias)
    assert result.dtype == dtype and result.shape == shape
    np.testing.assert_allclose(np.asarray(result, "float32"), expected, atol=tolerance, rtol=tolerance)
    expected = pull_back(upstream.astype("float32"))
    for gradient, other in zip(pull_back_fused(upstream), expected, strict=True):
        assert gradient.dtype == dtype and gradient.shape == other.shape
        # The bias' is a sum over all rows.
        np.testing.assert_allclose(np.asarray(gradient, "float32"), other, rtol=tolerance,
                                   atol=2 * tolerance * np.abs(other).max())


def test_slopes_are_right_far_out_and_at_0():
    x = jnp.asarray([[-12.0, -6.0, -1.0, 0.0, 1.0, 6.0, 12.0, 0.5]])
    _, pull_back = jax.vjp(lambda product: biased_gelu(product, jnp.zeros(8), "gelu", not ON_GPU), x)
    # Phi(x) + x * phi(x)
    expected = [0.0, -3.5465e-08, -0.08331547, 0.5, 1.08331547, 1.00000004, 1.0, 0.86749533]
    np.testing.assert_allclose(pull_back(jnp.ones_like(x))[0][0], expected, atol=2e-7)


@pytest.mark.skipif(ON_GPU, reason="there is a GPU")
def test_without_a_gpu_they_are_single_operations():
    assert not runs_here(4096, "bfloat16")


@pytest.mark.parametrize("width, expected", [(64, False), (128, True), (1536, True), (1200, False), (4096, True)])
def test_widths_that_a_program_can_have_columns_of(width, expected, monkeypatch):
    monkeypatch.setattr("bert_tf.layers.biased_gelu_jax.has_kernels", lambda dtype: True)
    assert runs_here(width, "bfloat16") is expected
