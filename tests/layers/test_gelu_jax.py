"""GELU on JAX; skipped without it."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from bert_tf.layers.gelu_jax import gelu_function  # noqa: E402

X = np.linspace(-6, 6, 1001, dtype="float32")


@pytest.mark.parametrize("name, approximate", [("gelu", False), ("gelu_tanh", True)])
def test_values_and_slopes_are_those_of_jax(name, approximate):
    gelu = gelu_function(name)
    expected, pull_back = jax.vjp(lambda x: jax.nn.gelu(x, approximate=approximate), X)
    values, pull_back_ours = jax.vjp(gelu, jnp.asarray(X))
    np.testing.assert_allclose(values, expected, atol=2e-6)
    np.testing.assert_allclose(pull_back_ours(jnp.asarray(X))[0], pull_back(X)[0], atol=2e-5)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
def test_in_bfloat16_only_the_result_is_rounded(name):
    gelu, rounded = gelu_function(name), jnp.asarray(X, jnp.bfloat16)
    values, pull_back = jax.vjp(gelu, rounded)
    expected, pull_back_wide = jax.vjp(gelu, rounded.astype(jnp.float32))
    assert values.dtype == jnp.bfloat16
    np.testing.assert_array_equal(values, expected.astype(jnp.bfloat16))
    ones = jnp.ones_like(rounded)
    np.testing.assert_array_equal(pull_back(ones)[0], pull_back_wide(ones.astype(jnp.float32))[0].astype(jnp.bfloat16))
