import numpy as np
import pytest

from bert_tf.layers.feed_forward import FeedForward
from tests.checks import check_layer

HIDDEN = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")  # (batch, seq, hidden)


def test_keeps_the_layer_contract():
    check_layer(FeedForward(6), HIDDEN, output_shape=(2, 5, 4), num_weights=4)


def test_matches_numpy_restatement():
    layer = FeedForward(6, activation="relu", initializer_stddev=1.0)
    result = layer(HIDDEN)
    expand, expand_bias, contract, contract_bias = layer.get_weights()
    expected = np.maximum(HIDDEN @ expand + expand_bias, 0) @ contract + contract_bias
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_starts_from_a_truncated_normal_and_zero_biases():
    layer = FeedForward(400, initializer_stddev=0.5)
    layer.build((None, None, 300))
    expand, expand_bias, contract, contract_bias = layer.get_weights()
    for kernel in (expand, contract):
        assert np.abs(kernel).max() <= 1.0  # cut at two deviations
        assert kernel.std() == pytest.approx(0.44, abs=0.01)  # what is left of 0.5
    assert not np.array_equal(expand, contract.T)
    assert not expand_bias.any() and not contract_bias.any()


def test_refuses_empty_width():
    with pytest.raises(ValueError, match="Expected `intermediate_dim` >= 1. Received: intermediate_dim=0."):
        FeedForward(0)


def test_refuses_unknown_activation():
    with pytest.raises(ValueError, match="activation='swish'"):
        FeedForward(6, activation="swish")
