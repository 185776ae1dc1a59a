import logging
import pathlib

import pytest

from bert_tf.config import EncoderConfig
from bert_tf.weights.hugging_face_config import (
    architectures_of,
    classifier_dropout_of,
    config_values,
    encoder_config,
    kept_values,
    label_values,
    labels_of,
    problem_type_name,
    problem_type_of,
    warn_if_head_differs,
)

PATH = pathlib.Path("model/config.json")
SMALL = {"vocab_size": 52, "num_hidden_layers": 3, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32,
         "max_position_embeddings": 24, "type_vocab_size": 1, "hidden_dropout_prob": 0.2,
         "attention_probs_dropout_prob": 0.3, "layer_norm_eps": 1e-7, "initializer_range": 0.05, "hidden_act": "relu"}


def test_reads_every_field():
    assert encoder_config(SMALL, PATH) == EncoderConfig(
        vocabulary_size=52, num_layers=3, num_heads=2, hidden_dim=16, intermediate_dim=32, max_sequence_length=24,
        num_segments=1, activation="relu", dropout=0.2, attention_dropout=0.3, layer_norm_epsilon=1e-7,
        initializer_stddev=0.05, head_activation="relu", head_layer_norm_epsilon=1e-7)


def test_silent_configuration_is_base():
    assert encoder_config({}, PATH) == EncoderConfig.base()


@pytest.mark.parametrize(("theirs", "ours"), [("gelu", "gelu"), ("gelu_new", "gelu_tanh"),
                                              ("gelu_pytorch_tanh", "gelu_tanh"), ("relu", "relu"), ("silu", "silu")])
def test_knows_activations_and_keeps_their_names(theirs, ours):
    values = {"hidden_act": theirs}

    config = encoder_config(values, PATH)

    assert config.activation == config.head_activation == ours
    assert config_values(config, values)["hidden_act"] == theirs


@pytest.mark.parametrize(("change", "message"), [
    ({"hidden_act": "gelu_fast"}, "`hidden_act` in model/config.json .* hidden_act='gelu_fast'"),
    ({"hidden_act": ["gelu"]}, r"`hidden_act` in model/config.json .* hidden_act=\['gelu'\]"),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type='relative_key'"),
    ({"is_decoder": True}, "is_decoder=True"),
    ({"add_cross_attention": True}, "add_cross_attention=True"),
    ({"embedding_size": 8}, "embedding_size=8, hidden_size=16"),
    ({"model_type": "roberta"}, "model_type='roberta'"),
    ({"num_attention_heads": 3}, "model/config.json: Expected `num_heads` to divide"),
    ({"hidden_size": "16"}, "model/config.json: Expected `hidden_dim` to be a whole number"),
])
def test_refuses_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        encoder_config(SMALL | change, PATH)


def test_own_values_of_the_head_survive(caplog):
    config = EncoderConfig(activation="gelu_tanh", head_layer_norm_epsilon=1e-5)

    with caplog.at_level(logging.WARNING):
        warn_if_head_differs(config, PATH)

    assert "Transformers has one value for both" in caplog.text
    values = config_values(config, {})
    assert (values["head_activation"], values["head_layer_norm_eps"]) == ("gelu", 1e-5)
    assert encoder_config(values, PATH) == config


def test_unknown_keys_are_kept_and_ours_win():
    values = SMALL | {"architectures": ["BertModel"], "torch_dtype": "float16", "finetuning_task": "mnli",
                      "_name_or_path": "x", "id2label": {"0": "a", "1": "b", "2": "c"}, "problem_type": "regression"}

    written = config_values(EncoderConfig(), kept_values(values))

    assert written["finetuning_task"] == "mnli" and written["_name_or_path"] == "x"
    assert written["vocab_size"] == 30522 and written["dtype"] == "float32"
    assert not {"id2label", "label2id", "problem_type"} & set(written)  # they belong to a head, which writes its own
    assert "torch_dtype" not in written and "architectures" not in written


def test_labels():
    assert labels_of({"id2label": {"1": "yes", "0": "no"}}, PATH) == ["no", "yes"]
    assert labels_of({}, PATH) == ["LABEL_0", "LABEL_1"]
    assert labels_of({"num_labels": 3}, PATH) == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert label_values(["no", "yes"]) == {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}}
    with pytest.raises(ValueError, match="`num_labels` in model/config.json .* num_labels='3'"):
        labels_of({"num_labels": "3"}, PATH)
    with pytest.raises(ValueError, match="`id2label` in model/config.json to map the ids"):
        labels_of({"id2label": {"0": "no", "2": "yes"}}, PATH)


def test_names_and_rates_of_another_type_are_named():
    assert architectures_of({}, PATH) == [] == architectures_of({"architectures": None}, PATH)
    assert architectures_of({"architectures": ["BertModel"]}, PATH) == ["BertModel"]
    with pytest.raises(ValueError, match="`architectures` in model/config.json to be a list .* architectures='Bert'"):
        architectures_of({"architectures": "Bert"}, PATH)
    assert classifier_dropout_of({}, PATH) is None and classifier_dropout_of({"classifier_dropout": 0}, PATH) == 0
    for wrong in ("0.1", 1, True):
        with pytest.raises(ValueError, match=rf"in model/config.json .* classifier_dropout={wrong!r}"):
            classifier_dropout_of({"classifier_dropout": wrong}, PATH)


def test_problem_types():
    assert problem_type_of({"problem_type": "multi_label_classification"}, 3, PATH) == "multi_label"
    assert problem_type_of({}, 3, PATH) == "single_label"
    assert problem_type_of({"problem_type": None}, 1, PATH) == "regression"
    assert problem_type_name("single_label") == "single_label_classification"
    with pytest.raises(ValueError, match="problem_type='ranking'"):
        problem_type_of({"problem_type": "ranking"}, 3, PATH)
