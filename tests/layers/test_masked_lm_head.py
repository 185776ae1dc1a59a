import keras
import numpy as np
import pytest

from bert_tf.layers.masked_lm_head import MaskedLmHead
from tests.checks import check_layer

MASKED = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")  # (batch, masked, hidden)


def test_keeps_the_layer_contract():
    check_layer(MaskedLmHead(7), MASKED, output_shape=(6, 4), num_weights=5)


def test_projects_and_normalises_rows():
    head = MaskedLmHead(7, activation="relu", layer_norm_epsilon=0.1, initializer_stddev=1.0)
    result = head(MASKED)
    kernel, bias = head.projection.get_weights()
    active = np.maximum(MASKED.reshape(6, 4) @ kernel + bias, 0)
    centred = active - active.mean(-1, keepdims=True)
    np.testing.assert_allclose(result, centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 0.1), atol=1e-5)


def test_adds_a_free_bias_to_decoded_rows():
    head = MaskedLmHead(7)
    head(MASKED)
    head.bias.assign(np.arange(7))
    decoded = np.random.default_rng(1).normal(size=(6, 7)).astype("float32")
    logits = head(MASKED, decoded=decoded)
    np.testing.assert_allclose(logits, decoded.reshape(2, 3, 7) + np.arange(7), atol=1e-6)


def test_both_calls_survive_saving_around_one_tied_decoder(tmp_path):
    embedding = keras.layers.ReversibleEmbedding(7, 4)
    head = MaskedLmHead(7)
    ids = keras.Input((None,), dtype="int32")
    masked = embedding(ids)
    model = keras.Model(ids, head(masked, decoded=embedding(head(masked), reverse=True)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == 6
    inputs = np.array([[1, 2, 3], [4, 5, 6]])
    assert model(inputs).shape == (2, 3, 7)
    np.testing.assert_array_equal(model(inputs), loaded(inputs))


def test_logits_are_float32_under_mixed_precision():
    head = MaskedLmHead(7, dtype="mixed_bfloat16")
    assert head(MASKED).dtype == "bfloat16"
    assert head(MASKED, decoded=np.zeros((6, 7), "float32")).dtype == "float32"


def test_refuses_an_empty_vocabulary():
    with pytest.raises(ValueError, match="vocabulary_size=0"):
        MaskedLmHead(0)
