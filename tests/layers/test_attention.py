import keras
import numpy as np
import pytest

from bert_tf.layers.attention import SelfAttention
from tests.checks import check_layer

HIDDEN = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")  # (batch, seq, hidden)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")


def attention(**changes) -> SelfAttention:
    return SelfAttention(2, **{"initializer_stddev": 1.0} | changes)


def restated(layer: SelfAttention, hidden, mask):
    """Head by head and row by row; output and probabilities."""
    fused, fused_bias, output, output_bias = layer.get_weights()
    query, key, value = np.split(hidden @ fused + fused_bias, 3, axis=-1)
    context, probabilities = np.zeros_like(hidden), np.zeros((2, 2, 5, 5))
    for row in range(2):
        real = mask[row].astype(bool)
        for head in range(2):
            columns = slice(2 * head, 2 * head + 2)
            scores = query[row][:, columns] @ key[row][real, columns].T / np.sqrt(2)
            shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
            probabilities[row, head][:, real] = shares
            context[row][:, columns] = shares @ value[row][real, columns]
    return context @ output + output_bias, probabilities


def test_keeps_the_layer_contract():
    check_layer(SelfAttention(2, dropout=0.1), HIDDEN, MASK, output_shape=(2, 5, 4), num_weights=4)


def test_matches_numpy_restatement():
    layer = attention()
    layer.build(HIDDEN.shape)
    layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in layer.get_weights()])
    result, weights = layer(HIDDEN, MASK, return_attention_weights=True)
    expected, expected_weights = restated(layer, HIDDEN, MASK)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)
    assert (np.asarray(weights)[1, :, :, 3:] == 0).all()  # padding gets exactly nothing


def test_ignores_what_padding_holds():
    keras.utils.set_random_seed(0)
    layer = attention()
    changed = HIDDEN.copy()
    changed[1, 3:] = 100  # scores stay far from the -10,000 of padding
    np.testing.assert_array_equal(layer(HIDDEN, MASK)[1, :3], layer(changed, MASK)[1, :3])


def test_padding_alone_gives_numbers():
    result, weights = attention()(HIDDEN, np.zeros_like(MASK), return_attention_weights=True)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, rtol=1e-5)


def test_drops_probabilities_in_training_only():
    layer = attention(dropout=0.5)
    np.testing.assert_array_equal(layer(HIDDEN, MASK), layer(HIDDEN, MASK, training=False))
    assert np.abs(layer(HIDDEN, MASK, training=True) - layer(HIDDEN, MASK)).max() > 1e-2
    _, weights = layer(HIDDEN, MASK, return_attention_weights=True, training=True)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, rtol=1e-5)  # as they are before dropout


def test_softmax_is_float32_under_mixed_precision():
    result, weights = attention(dtype="mixed_bfloat16")(HIDDEN, MASK, return_attention_weights=True)
    assert result.dtype == "bfloat16"
    assert weights.dtype == "float32"
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, rtol=1e-6)


def test_refuses_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="`num_heads` to divide `hidden_dim`. Received: num_heads=3, hidden_dim=10."):
        SelfAttention(3).build((None, None, 10))


def test_refuses_no_heads():
    with pytest.raises(ValueError, match="num_heads=0"):
        SelfAttention(0)
