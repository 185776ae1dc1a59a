import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import EncoderConfig
from bert_tf.layers.positions import take_positions
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from tests.models import numpy_bert
from tests.models.tiny import CONFIG, INPUTS, randomise

# Devlin et al. 2018, section 3, and Turc et al. 2019: vocabulary 30,522, 512 positions, 2 segments, with pooler.
PARAMETERS = {"tiny": 4_385_920, "mini": 11_170_560, "small": 28_763_648, "medium": 41_373_184, "base": 109_482_240,
              "large": 335_141_888}


@pytest.mark.parametrize("size", ["tiny", "mini", "small", "medium", "base",
                                  pytest.param("large", marks=pytest.mark.slow)])
def test_published_sizes_have_their_parameters(size):
    assert BertEncoder(EncoderConfig.from_size(size)).count_params() == PARAMETERS[size]


@pytest.mark.parametrize("make", [
    BertEncoder, BertPretrainer, BertSpanPredictor, BertMultipleChoice, BertSentenceEmbedder,
    functools.partial(BertClassifier, labels=["a", "b"]), functools.partial(BertTokenClassifier, labels=["O", "B-a"])])
def test_all_layers_are_built_before_the_first_call(make):
    assert [layer.name for layer in make(CONFIG)._flatten_layers() if not layer.built] == []


def test_matches_numpy_restatement():
    encoder = BertEncoder(CONFIG, return_hidden_states=True, return_attention_weights=True)
    randomise(encoder)
    result = encoder(INPUTS)
    expected = numpy_bert.encode(numpy_bert.weights_of(encoder), CONFIG, INPUTS)
    assert set(result) == {"sequence_output", "pooled_output", "hidden_states", "attention_weights"}
    for name in ("sequence_output", "pooled_output"):
        np.testing.assert_allclose(result[name], expected[name], atol=1e-5)
    for name, count in (("hidden_states", 3), ("attention_weights", 2)):
        assert isinstance(result[name], tuple) and len(result[name]) == count
        for one, other in zip(result[name], expected[name], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_returns_what_is_asked_for():
    assert set(BertEncoder(CONFIG)(INPUTS)) == {"sequence_output", "pooled_output"}
    bare = BertEncoder(CONFIG, pooler=False)
    assert set(bare(INPUTS)) == {"sequence_output"}
    assert bare.pooler is None


def test_weights_keep_their_names():
    assert [weight.path for weight in BertEncoder(dataclasses.replace(CONFIG, num_layers=1)).weights] == [
        "token_embedding/embeddings", "embeddings/position_embedding", "embeddings/segment_embedding",
        "embeddings/norm/gamma", "embeddings/norm/beta",
        "block_0/attention/query_key_value/kernel", "block_0/attention/query_key_value/bias",
        "block_0/attention/output/kernel", "block_0/attention/output/bias",
        "block_0/attention_norm/gamma", "block_0/attention_norm/beta",
        "block_0/feed_forward/expand/kernel", "block_0/feed_forward/expand/bias",
        "block_0/feed_forward/contract/kernel", "block_0/feed_forward/contract/bias",
        "block_0/output_norm/gamma", "block_0/output_norm/beta",
        "pooler/projection/kernel", "pooler/projection/bias"]


@pytest.mark.parametrize(("pooler", "policy"), [(True, "float32"), (False, "float32"), (True, "mixed_bfloat16")])
@pytest.mark.parametrize("positions", [1, 2, np.array([[1, 4], [2, 0], [3, 3]])])
def test_outputs_at_positions_alone(positions, pooler, policy):
    encoder = BertEncoder(CONFIG, pooler=pooler, dtype=policy)
    randomise(encoder)
    expected = encoder(INPUTS)
    some = take_positions(expected["sequence_output"], positions)

    result = encoder(INPUTS, output_positions=positions)

    assert set(result) == set(expected)
    tolerance = 1e-5 if policy == "float32" else 0.05
    np.testing.assert_allclose(result["sequence_output"], some, atol=tolerance)
    if pooler:
        np.testing.assert_allclose(result["pooled_output"], expected["pooled_output"], atol=tolerance)


def test_symbolic_outputs_at_positions():
    encoder = BertEncoder(CONFIG, dtype="mixed_bfloat16")
    inputs = {name: keras.Input((None,), dtype="int32") for name in INPUTS}

    for positions, count in ((1, 1), (keras.Input((None,), dtype="int32"), None), (keras.Input((3,)), 3)):
        result = encoder(inputs, output_positions=positions)
        assert result["sequence_output"].shape == (None, count, 4)
        assert result["pooled_output"].shape == (None, 4)
        assert {value.dtype for value in result.values()} == {"bfloat16"}


def test_gradients_of_outputs_at_positions():
    """Those of the same outputs taken from all of them."""
    encoder, positions = BertEncoder(CONFIG), np.array([[1, 4], [2, 0], [3, 3]])
    randomise(encoder)

    def gradients(**arguments):
        with tf.GradientTape() as tape:
            outputs = encoder(INPUTS, **arguments)["sequence_output"]
            rows = outputs if arguments else take_positions(outputs, positions)
            loss = tf.reduce_sum(rows * tf.reshape(tf.range(24.0), (3, 2, 4)))
        return tape.gradient(loss, [weight.value for weight in encoder.weights[:-2]])  # not the pooler's

    for one, other in zip(gradients(output_positions=positions), gradients(), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-3)


@pytest.mark.parametrize("convert", [lambda x: x.tolist(), lambda x: x.astype("int64"), keras.ops.convert_to_tensor])
def test_takes_lists_arrays_and_tensors(convert):
    encoder = BertEncoder(CONFIG)
    result = encoder({name: convert(value) for name, value in INPUTS.items()})
    np.testing.assert_array_equal(result["sequence_output"], encoder(INPUTS)["sequence_output"])


def test_ignores_other_features_and_their_order():
    encoder = BertEncoder(CONFIG)
    features = {"a_label": INPUTS["token_ids"], **dict(reversed(INPUTS.items()))}
    np.testing.assert_array_equal(encoder(features)["sequence_output"], encoder(INPUTS)["sequence_output"])


def test_names_missing_inputs():
    with pytest.raises(ValueError, match="Expected inputs token_ids, segment_ids, padding_mask. Received: token_ids."):
        BertEncoder(CONFIG)({"token_ids": INPUTS["token_ids"]})


def test_padding_does_not_change_real_tokens():
    encoder = BertEncoder(CONFIG)
    randomise(encoder)
    padded = {name: np.pad(value, ((0, 0), (0, 2))) for name, value in INPUTS.items()}
    np.testing.assert_allclose(encoder(padded)["sequence_output"][:, :5], encoder(INPUTS)["sequence_output"], atol=1e-6)


def test_refuses_sequences_beyond_the_position_table():
    with pytest.raises(ValueError, match="Received: sequence length=8, max_sequence_length=7"):
        BertEncoder(CONFIG)({name: np.ones((1, 8), "int32") for name in INPUTS})


def test_drops_in_training_only():
    encoder = BertEncoder(dataclasses.replace(CONFIG, dropout=0.5))
    still = encoder(INPUTS)["sequence_output"]
    np.testing.assert_array_equal(still, encoder(INPUTS, training=False)["sequence_output"])
    assert np.abs(still - encoder(INPUTS, training=True)["sequence_output"]).max() > 1e-3


@pytest.mark.parametrize("changes", [
    {}, {"pooler": False, "return_hidden_states": True, "return_attention_weights": True, "dtype": "mixed_bfloat16",
         "name": "other", "trainable": False}])
def test_saves_and_loads(changes, tmp_path):
    encoder = BertEncoder(CONFIG, **changes)
    randomise(encoder)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    assert type(loaded) is BertEncoder
    assert loaded.config == CONFIG
    assert loaded.get_config() == encoder.get_config()
    expected, result = keras.tree.flatten(encoder(INPUTS)), keras.tree.flatten(loaded(INPUTS))
    assert len(expected) == (6 if changes else 2)
    for one, other in zip(expected, result, strict=True):
        np.testing.assert_array_equal(one, other)


def test_starts_from_the_configured_deviation():
    encoder = BertEncoder(dataclasses.replace(CONFIG, vocabulary_size=500, hidden_dim=40, initializer_stddev=0.1))
    for weight in encoder.weights:
        values = np.asarray(weight)
        if values.ndim == 2 and values.size >= 200:
            assert 0.07 < values.std() < 0.1, weight.path
            assert np.abs(values).max() <= 0.2
        elif values.ndim == 1:
            assert (values == float("gamma" in weight.path)).all(), weight.path


def test_activation_and_epsilon_reach_the_layers():
    encoder = BertEncoder(dataclasses.replace(CONFIG, activation="gelu_tanh", layer_norm_epsilon=1e-5))
    assert {block.feed_forward.activation for block in encoder.blocks} == {"gelu_tanh"}
    assert {norm.epsilon for block in encoder.blocks for norm in (block.attention_norm, block.output_norm)} == {1e-5}
    assert encoder.embeddings.layer_norm_epsilon == 1e-5
