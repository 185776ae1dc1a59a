import logging

import keras_hub
import keras_nlp
import numpy as np
import pytest

from bert_tf.config import EncoderConfig
from bert_tf.model_directory import load_model, load_with_report
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.weights.keras_hub import NUMERICS, difference, from_keras_hub, to_keras_hub, write_files
from tests.models.tiny import randomise

SIZES = {"vocabulary_size": 12, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 12,
         "max_sequence_length": 16}
CONFIG = EncoderConfig(**SIZES, **NUMERICS)
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c"]
INPUTS = {"token_ids": np.array([[2, 5, 6, 3, 0], [2, 7, 11, 8, 3]], "int32"),
          "segment_ids": np.array([[0, 0, 0, 0, 0], [0, 0, 1, 1, 1]], "int32"),
          "padding_mask": np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], "int32")}
POSITIONS = np.array([[1, 2], [3, 0]], "int32")


def test_backbone_into_ours():
    backbone = _backbone()

    model, transfer = from_keras_hub(backbone)

    theirs, ours = backbone(INPUTS), model(INPUTS)
    for name in ("sequence_output", "pooled_output"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5)
    assert isinstance(model, BertEncoder) and model.tokenizer is None
    assert transfer.parameters == backbone.count_params()


def test_load_model_takes_objects():
    backbone = _backbone()

    model = load_model(backbone)

    assert isinstance(model, BertEncoder)
    np.testing.assert_array_equal(model.weights[0], backbone.weights[0])


def test_masked_lm_into_ours():
    task = keras_hub.models.BertMaskedLM(_backbone(), preprocessor=None)
    randomise(task)

    model, transfer = from_keras_hub(task)

    np.testing.assert_allclose(model(INPUTS | {"masked_positions": POSITIONS})["masked_lm"],
                               task(INPUTS | {"mask_positions": POSITIONS}), atol=1e-5)
    assert list(transfer.dropped) == ["pooled_dense/kernel", "pooled_dense/bias"]


def test_classifier_into_ours():
    task = keras_hub.models.BertTextClassifier(_backbone(), num_classes=3, preprocessor=_preprocessor())
    randomise(task)

    model, _ = from_keras_hub(task)

    np.testing.assert_allclose(model(INPUTS)["logits"], task(INPUTS), atol=1e-5)
    assert model.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert model.tokenizer.vocabulary.pieces == tuple(PIECES) and model.tokenizer.lowercase


@pytest.mark.parametrize("arguments", [{"num_labels": 7}, {"labels": list("abcdefg")}], ids=["number", "names"])
def test_classifier_of_another_size_is_drawn_anew_when_asked_for(arguments):
    task = keras_hub.models.BertTextClassifier(_backbone(), num_classes=3)

    model, transfer = from_keras_hub(task, BertClassifier, arguments)

    assert transfer.drawn_anew == ("classifier/kernel", "classifier/bias") and not transfer.dropped
    assert model(INPUTS)["logits"].shape[-1] == 7


def test_another_class_gets_new_heads():
    model, transfer = from_keras_hub(_backbone(), BertTokenClassifier, {"num_labels": 4})

    assert transfer.drawn_anew == ("classifier/kernel", "classifier/bias")
    assert np.asarray(model(INPUTS)["logits"]).std() > 0


def test_refuses_other_objects():
    with pytest.raises(ValueError, match="BertMaskedLM or BertTextClassifier. Received: source='BertTokenizer'"):
        from_keras_hub(keras_hub.models.BertTokenizer(PIECES))


@pytest.mark.parametrize(("model_class", "arguments", "task"), [
    (BertEncoder, {}, None),
    (BertPretrainer, {"next_sentence": False}, keras_hub.models.BertMaskedLM),
    (BertClassifier, {"num_labels": 3}, keras_hub.models.BertTextClassifier),
])
def test_preset_round_trip(model_class, arguments, task, tmp_path):
    model = model_class(CONFIG, **arguments)
    randomise(model)
    tokenizer = WordPieceTokenizer(PIECES, lowercase=False)

    measured = write_files(model, tmp_path, tokenizer)

    assert measured < 1e-5
    backbone = keras_nlp.models.BertBackbone.from_preset(str(tmp_path))
    encoder = getattr(model, "encoder", model)
    np.testing.assert_allclose(backbone(INPUTS)["sequence_output"], encoder(INPUTS)["sequence_output"], atol=1e-5)
    if task is not None:
        assert difference(model, task.from_preset(str(tmp_path))) < 1e-5
    assert keras_hub.models.BertTokenizer.from_preset(str(tmp_path)).vocabulary == PIECES
    loaded = load_model(tmp_path)
    assert isinstance(loaded, model_class)
    for weight, expected in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)
    assert loaded.tokenizer.get_config() == tokenizer.get_config()


@pytest.mark.parametrize(("options", "warning"), [
    ({}, ""), ({"lowercase": False, "strip_accents": True}, ""), ({"strip_accents": False}, "keeps accents"),
    ({"split_cjk": False}, "splits ideographs")])
def test_options_of_the_tokeniser(options, warning, tmp_path, caplog):
    tokenizer = WordPieceTokenizer(PIECES, **options)

    with caplog.at_level(logging.WARNING):
        write_files(BertEncoder(CONFIG), tmp_path, tokenizer)

    assert warning in caplog.text
    loaded = load_model(tmp_path).tokenizer
    assert (loaded.get_config() == tokenizer.get_config()) == (not warning)


def test_other_numerics_are_refused_unless_allowed():
    model = BertPretrainer(EncoderConfig(**SIZES), next_sentence=False)
    randomise(model)

    with pytest.raises(ValueError, match=r"activation=gelu_tanh, head_layer_norm_epsilon=1e-05.*allow_approximate"):
        to_keras_hub(model)
    measured = difference(model, to_keras_hub(model, allow_approximate=True))
    assert 1e-6 < measured < 1e-1


def test_next_sentence_head_is_left_out_with_a_warning(caplog):
    model = BertPretrainer(CONFIG)
    randomise(model)

    with caplog.at_level(logging.WARNING):
        target = to_keras_hub(model)

    assert "no next-sentence head" in caplog.text
    assert isinstance(target, keras_hub.models.BertMaskedLM)
    np.testing.assert_array_equal(target.backbone.get_layer("pooled_dense").kernel, model.encoder.pooler.weights[0])


@pytest.mark.parametrize(("model_class", "arguments"), [
    (BertSpanPredictor, {}), (BertTokenClassifier, {"num_labels": 2})])
def test_refuses_models_without_a_counterpart(model_class, arguments):
    with pytest.raises(ValueError, match=f"Received: model='{model_class.__name__}'"):
        to_keras_hub(model_class(CONFIG, **arguments))


def test_dropout_of_attention_must_be_the_dropout():
    config = EncoderConfig(**SIZES, **NUMERICS, attention_dropout=0.2)

    with pytest.raises(ValueError, match="attention_dropout=0.2"):
        to_keras_hub(BertEncoder(config))


def test_damaged_preset_is_named(tmp_path):
    write_files(BertEncoder(CONFIG), tmp_path, None)
    weights = tmp_path / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:100])

    with pytest.raises(ValueError, match=f"Expected a KerasHub preset in {tmp_path}"):
        load_with_report(tmp_path)


def _backbone():
    backbone = keras_hub.models.BertBackbone(**SIZES)
    randomise(backbone)
    return backbone


def _preprocessor():
    return keras_hub.models.BertTextClassifierPreprocessor(keras_hub.models.BertTokenizer(PIECES, lowercase=True),
                                                           sequence_length=8)
