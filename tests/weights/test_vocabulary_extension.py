import json

import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.config import EncoderConfig
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.weights.vocabulary_extension import extend_vocabulary

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "an", "##ti", "##co", "the"]


def model_of(rows):
    config = EncoderConfig(vocabulary_size=rows, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16,
                           max_sequence_length=16)
    model = bert_tf.BertPretrainer(config)
    model.masked_lm_head.bias.assign(np.arange(rows, dtype="float32"))
    model.tokenizer = WordPieceTokenizer(PIECES)
    return model


def table(model):
    return model.encoder.token_embedding.trainable_variables[0].numpy()


# A table of just the vocabulary, one with a row in reserve, one with more than enough.
@pytest.mark.parametrize(("rows", "expected_rows"), [(9, 11), (10, 11), (16, 16)])
def test_new_rows_are_the_means_of_their_pieces(rows, expected_rows):
    model = model_of(rows)
    extended = extend_vocabulary(model, ["antico", "xyz"])
    assert type(extended) is type(model) and extended.config.vocabulary_size == expected_rows
    assert extended.tokenizer.tokenize(["Antico xyz the"]).to_list() == [[9, 10, 8]]
    old, new = table(model), table(extended)
    assert new.shape == (expected_rows, 8)
    np.testing.assert_array_equal(new[:9], old[:9])
    np.testing.assert_allclose(new[9], old[[5, 6, 7]].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(new[10], old[1])
    bias = extended.masked_lm_head.bias.numpy()
    np.testing.assert_array_equal(bias[:11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 6, 1])


def test_old_text_gets_the_same_logits():
    model = model_of(9)
    extended = extend_vocabulary(model, ["antico"])
    inputs = {"token_ids": tf.constant([[2, 5, 4, 3]]), "segment_ids": tf.zeros([1, 4], tf.int32),
              "padding_mask": tf.ones([1, 4], tf.int32), "masked_positions": tf.constant([[2]])}
    before, after = model(inputs), extended(inputs)
    np.testing.assert_allclose(after["masked_lm"][..., :9], before["masked_lm"], atol=1e-6)
    np.testing.assert_allclose(after["next_sentence"], before["next_sentence"], atol=1e-6)


def test_the_saved_folder_has_the_larger_vocabulary(tmp_path):
    extended = extend_vocabulary(model_of(9), ["antico", "##xs"])
    bert_tf.save_model(extended, tmp_path / "x")
    assert json.loads((tmp_path / "x" / "config.json").read_text())["vocab_size"] == 11
    assert (tmp_path / "x" / "vocab.txt").read_text().split() == [*PIECES, "antico", "##xs"]
    loaded = bert_tf.load_model(tmp_path / "x")
    np.testing.assert_array_equal(table(loaded), table(extended))
    assert loaded.tokenizer.tokenize(["antico"]).to_list() == [[9]]


def test_the_foreign_configuration_is_kept():
    model = model_of(9)
    assert extend_vocabulary(model, ["antico"]).kept_config == {}
    model.kept_config = {"their_key": 7}
    assert extend_vocabulary(model, ["antico"]).kept_config == {"their_key": 7}
