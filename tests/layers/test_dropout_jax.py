"""Dropout on JAX; skipped without it."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from bert_tf.layers.dropout_jax import drop  # noqa: E402

SEED = jnp.array([7, 3], jnp.uint32)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.999])
def test_drops_every_element_as_often_and_apart_from_its_neighbours(rate):
    kept = np.asarray(drop(jnp.ones((7, 11, 13, 1001)), rate, SEED)).ravel() != 0
    deviation = np.sqrt(rate * (1 - rate) / kept.size)
    assert kept.mean() == pytest.approx(1 - rate, abs=5 * deviation)
    for distance in (1, 2, 64, 1001):
        both = np.mean(kept[distance:] & kept[:-distance])
        assert both == pytest.approx((1 - rate) ** 2, abs=8 * deviation)


def test_the_masks_of_steps_and_layers_are_independent():
    """Seeds that follow each other in either half, as those of steps and of layers do."""
    ones = jnp.ones((1000, 1001))
    masks = [np.asarray(drop(ones, 0.5, jnp.array(seed, jnp.uint32))) != 0 for seed in ((7, 3), (7, 4), (8, 3), (3, 7))]
    for number, first in enumerate(masks):
        for second in masks[number + 1:]:
            assert np.mean(first == second) == pytest.approx(0.5, abs=0.003)


def test_no_two_rows_and_no_two_columns_agree_more_often_than_by_chance():
    """All of a row share a hash, as all of a column do."""
    signs = np.where(np.asarray(drop(jnp.ones((8192, 256)), 0.5, SEED)) != 0, 1.0, -1.0)
    for vectors in (signs.T, signs[:1024]):
        count, length = vectors.shape
        agreement = (vectors @ vectors.T / np.sqrt(length))[~np.eye(count, dtype=bool)]
        assert agreement.std() == pytest.approx(1.0, abs=0.02)
        assert np.abs(agreement).max() < 7  # deviations


def test_scales_what_it_keeps_and_drops_the_same_elements_of_the_gradient():
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(30, 40)), jnp.bfloat16)
    outputs, pull_back = jax.vjp(lambda values: drop(values, 0.25, SEED), inputs)
    assert outputs.dtype == jnp.bfloat16
    kept = np.asarray(outputs != 0)
    np.testing.assert_allclose(np.asarray(outputs, "float32")[kept], np.asarray(inputs, "float32")[kept] / 0.75,
                               rtol=2**-7)
    gradient, = pull_back(jnp.ones_like(inputs))
    np.testing.assert_array_equal(np.asarray(gradient != 0), kept)


def test_the_same_seed_gives_the_same_mask_compiled_or_not():
    ones = jnp.ones((64, 33))
    np.testing.assert_array_equal(drop(ones, 0.3, SEED), jax.jit(drop, static_argnums=1)(ones, 0.3, SEED))
