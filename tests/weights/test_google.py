import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import EncoderConfig
from bert_tf.model_directory import load_model, load_with_report
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.weights import google
from tests.weights.hugging_face_models import FOLDER, INPUTS, golden, inputs_for

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "the", "##s"]
CONFIG = {"vocab_size": 52, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
          "intermediate_size": 32, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
          "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 24, "type_vocab_size": 2,
          "initializer_range": 0.02, "directionality": "bidi", "pooler_fc_size": 768}


def test_checkpoint_with_heads_and_slots_answers_as_the_same_weights_elsewhere(tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertForPreTraining", "bert.", "cls.")), slots=True)

    model, transfer = load_with_report(tmp_path)

    for name, value in model(inputs_for(model)).items():
        np.testing.assert_allclose(value, golden("BertForPreTraining", name), atol=1e-5, err_msg=name)
    assert set(transfer.dropped.values()) == {"state of the optimiser", "bookkeeping of the checkpoint"}
    assert transfer.num_tensors == 46 and len(transfer.dropped) == 2 * 46 + 1
    assert model.tokenizer.lowercase and model.tokenizer.vocabulary.pieces == tuple(PIECES)


def test_next_sentence_weights_are_stored_transposed(tmp_path):
    tensors = _tf1_tensors(("BertForPreTraining", "bert.", "cls."))
    assert tensors["cls/seq_relationship/output_weights"].shape == (2, 16)
    _write_tf1(tmp_path, tensors)

    head = next(weight for weight in load_model(tmp_path).weights if weight.path == "next_sentence_head/kernel")

    np.testing.assert_array_equal(head, tensors["cls/seq_relationship/output_weights"].T)


def test_layer_1_is_not_layer_10(tmp_path):
    model = BertEncoder(EncoderConfig(vocabulary_size=52, num_layers=11, num_heads=2, hidden_dim=4, intermediate_dim=4,
                                      max_sequence_length=12))
    _randomise(model)
    google.write_files(model, tmp_path, None)

    loaded = load_model(tmp_path)

    for weight, expected in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)


def test_fine_tuned_classifier(tmp_path):
    tensors = _tf1_tensors(("BertForSequenceClassification", "bert.", "classifier."))
    _write_tf1(tmp_path, tensors)

    model = load_model(tmp_path)

    assert isinstance(model, BertClassifier) and len(model.labels) == 3
    np.testing.assert_allclose(model(INPUTS)["logits"], golden("BertForSequenceClassification", "logits"), atol=1e-5)


@pytest.mark.parametrize("arguments", [{"num_labels": 7}, {"labels": list("abcdefg")}], ids=["number", "names"])
def test_classifier_of_another_size_is_drawn_anew_when_asked_for(arguments, tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertForSequenceClassification", "bert.", "classifier.")))

    model, transfer = load_with_report(tmp_path, BertClassifier, **arguments)

    assert transfer.drawn_anew == ("classifier/kernel", "classifier/bias") and not transfer.dropped
    assert model(INPUTS)["logits"].shape == (3, 7)


def test_fine_tuned_squad(tmp_path):
    tensors = _tf1_tensors(("BertForQuestionAnswering", "bert.", "qa_outputs."))
    tensors |= {"bert/pooler/dense/kernel": np.zeros((16, 16)), "bert/pooler/dense/bias": np.zeros(16)}
    _write_tf1(tmp_path, tensors)

    model, transfer = load_with_report(tmp_path)

    assert isinstance(model, BertSpanPredictor)
    assert set(transfer.dropped.values()) == {"belongs to a head that this model does not have"}
    np.testing.assert_allclose(model(INPUTS)["start_logits"], golden("BertForQuestionAnswering", "start_logits"),
                               atol=1e-5)


def test_encoder_alone_and_prefix_as_the_source(tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertModel", "", "")), name="model.ckpt-7")
    _write_tf1(tmp_path, {"bert/embeddings/word_embeddings": np.zeros((52, 16))}, name="model.ckpt-9")

    model = load_model(tmp_path / "model.ckpt-7")

    assert isinstance(model, BertEncoder)
    np.testing.assert_allclose(model(INPUTS)["pooled_output"], golden("BertModel", "pooled_output"), atol=1e-5)
    with pytest.raises(ValueError, match=r"checkpoints=\['model.ckpt-7', 'model.ckpt-9'\]"):
        load_model(tmp_path)


def test_another_class_gets_new_heads(tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertModel", "", "")))

    _, transfer = load_with_report(tmp_path, BertTokenClassifier, num_labels=4)

    assert transfer.drawn_anew == ("classifier/kernel", "classifier/bias")
    assert len(transfer.dropped) == 2  # the pooler


@pytest.mark.parametrize(("pieces", "values", "lowercase"), [
    (PIECES, {}, True), ([*PIECES, "The"], {}, False), ([*PIECES, "The"], {"do_lower_case": True}, True)])
def test_casing_is_seen_in_the_vocabulary(pieces, values, lowercase, tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertModel", "", "")), pieces=pieces, config=CONFIG | values)

    assert load_model(tmp_path).tokenizer.lowercase is lowercase


def test_vocabulary_must_fit(tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertModel", "", "")), pieces=[*PIECES, *map(str, range(50))])

    with pytest.raises(ValueError, match=r"vocab.txt to have at most `vocab_size` pieces. Received: pieces=58"):
        load_model(tmp_path)


def test_unknown_missing_and_wrong_tensors_are_named(tmp_path):
    tensors = _tf1_tensors(("BertModel", "", ""))
    del tensors["bert/encoder/layer_1/output/dense/bias"]
    tensors |= {"bert/encoder/layer_1/adapter/kernel": np.ones(2), "bert/pooler/dense/bias": np.ones(3)}
    _write_tf1(tmp_path, tensors)

    with pytest.raises(ValueError) as error:
        load_model(tmp_path)

    for words in ("`bert/encoder/layer_1/output/dense/bias` is missing from", "bert_model.ckpt",
                  "`bert/encoder/layer_1/adapter/kernel`", "`bert/pooler/dense/bias`", "shape (3,)"):
        assert words in str(error.value)


def test_damaged_checkpoint_is_named(tmp_path):
    _write_tf1(tmp_path, _tf1_tensors(("BertModel", "", "")))
    data = tmp_path / "bert_model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])

    with pytest.raises(ValueError, match="Expected a readable TensorFlow checkpoint at .*bert_model.ckpt"):
        load_model(tmp_path)


@pytest.mark.parametrize("architecture", ["BertForPreTraining", "BertForSequenceClassification",
                                          "BertForQuestionAnswering", "BertModel"])
def test_written_checkpoint_has_googles_names_and_equal_bits(architecture, tmp_path):
    google.write_files(load_model(FOLDER / architecture), tmp_path, None)

    reader = tf.train.load_checkpoint(str(tmp_path / "bert_model.ckpt"))
    head = {"BertForPreTraining": "cls.", "BertForSequenceClassification": "classifier.",
            "BertForQuestionAnswering": "qa_outputs.", "BertModel": ""}[architecture]
    expected = _tf1_tensors((architecture, "" if architecture == "BertModel" else "bert.", head))
    assert reader.get_variable_to_shape_map().keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(reader.get_tensor(name), array, err_msg=name)


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
def test_round_trip_keeps_configuration_and_tokeniser(activation, tmp_path):
    model = load_model(FOLDER / "BertModel")
    config = EncoderConfig.from_dict(model.config.to_dict() | {"activation": activation, "head_activation": activation})
    google.write_files(BertPretrainer(config), tmp_path, model.tokenizer)

    loaded = load_model(tmp_path)

    assert loaded.config == config
    assert loaded.tokenizer.vocabulary.pieces == model.tokenizer.vocabulary.pieces
    assert json.loads((tmp_path / "bert_config.json").read_text())["hidden_act"] == activation.removesuffix("_tanh")


@pytest.mark.parametrize("options", [{"strip_accents": False}, {"split_cjk": False},
                                     {"lowercase": False, "strip_accents": True}])
def test_round_trip_keeps_options_that_google_has_not(options, tmp_path, caplog):
    model = load_model(FOLDER / "BertModel")
    tokenizer = WordPieceTokenizer(model.tokenizer.vocabulary, **options)

    with caplog.at_level(logging.WARNING):
        google.write_files(model, tmp_path, tokenizer)

    assert "Google's own tokeniser has no" in caplog.text
    assert load_model(tmp_path).tokenizer.get_config() == tokenizer.get_config()


@pytest.mark.parametrize(("model_class", "arguments"), [(BertTokenClassifier, {"num_labels": 2}),
                                                        (BertMultipleChoice, {})])
def test_refuses_heads_that_would_come_back_as_others(model_class, arguments, tmp_path):
    model = load_model(FOLDER / "BertModel", model_class, **arguments)

    with pytest.raises(ValueError, match=f"Google's code has heads for. Received: model='.*{model_class.__name__}'"):
        google.write_files(model, tmp_path, None)
    assert not list(tmp_path.iterdir())


def test_how_an_embedder_pools_is_left_out_with_a_warning(tmp_path, caplog):
    model = load_model(FOLDER / "BertModel", BertSentenceEmbedder)

    with caplog.at_level(logging.WARNING):
        google.write_files(model, tmp_path, None)

    assert "no place for how a sentence embedder pools" in caplog.text
    assert isinstance(load_model(tmp_path), BertEncoder)


@pytest.mark.parametrize("change", [{"head_layer_norm_epsilon": 1e-5}, {"head_activation": "gelu_tanh"}])
def test_refuses_to_write_what_google_cannot_hold(change, tmp_path):
    config = EncoderConfig(**{"vocabulary_size": 5, "num_layers": 1, "num_heads": 1, "hidden_dim": 2,
                              "intermediate_dim": 2, "max_sequence_length": 4} | change)

    with pytest.raises(ValueError, match="an epsilon of 1e-12 everywhere and one activation"):
        google.write_files(BertPretrainer(config), tmp_path, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("writer", ["full_names", "attributes", "layers"])
def test_model_garden_encoder(writer, tmp_path):
    _write_model_garden(tmp_path, writer)

    model, transfer = load_with_report(tmp_path)

    encoder = BertEncoder(EncoderConfig.from_dict(model.config.to_dict() | {
        "activation": "gelu", "head_activation": "gelu"}))  # the golden answers are those of the exact form
    encoder.set_weights(model.get_weights())
    assert model.config.activation == "gelu_tanh"
    np.testing.assert_allclose(encoder(INPUTS)["pooled_output"], golden("BertModel", "pooled_output"), atol=1e-5)
    assert transfer.num_tensors == 39
    assert set(transfer.dropped.values()) == {"bookkeeping of the checkpoint", "state of the optimiser",
                                              "belongs to a head that this model does not have"}


def test_model_garden_encoder_as_another_class(tmp_path):
    _write_model_garden(tmp_path, "layers")

    _, transfer = load_with_report(tmp_path, BertPretrainer)

    assert all(name.startswith(("masked_lm_head/", "next_sentence_head/")) for name in transfer.drawn_anew)
    assert len(transfer.drawn_anew) == 7


def test_model_garden_variable_out_of_place_is_named(tmp_path):
    _write_model_garden(tmp_path, "attributes", extra="encoder/_adapter/kernel")

    with pytest.raises(ValueError, match="tensor `encoder/_adapter/kernel/.ATTRIBUTES/VARIABLE_VALUE`"):
        load_model(tmp_path)


def _tf1_tensors(source) -> dict[str, np.ndarray]:
    """The tensors of a Transformers model under Google's names, renamed without the code under test."""
    from safetensors.numpy import load_file

    architecture, prefix, head = source
    tensors = {}
    for name, array in load_file(FOLDER / architecture / "model.safetensors").items():
        if head and name.startswith(head):
            tensors |= _tf1_head(name, array)
            continue
        name = "bert/" + name.removeprefix(prefix).replace(".", "/").replace("layer/", "layer_")
        if "_embeddings/" in name:
            name = name.removesuffix("/weight")
        elif name.endswith("LayerNorm/weight"):
            name = name.replace("/weight", "/gamma")
        elif name.endswith("LayerNorm/bias"):
            name = name.replace("/bias", "/beta")
        elif name.endswith("/weight"):
            name, array = name.replace("/weight", "/kernel"), array.T
        tensors[name] = np.ascontiguousarray(array)
    return tensors


def _tf1_head(name, array) -> dict[str, np.ndarray]:
    heads = {"cls.predictions.bias": "cls/predictions/output_bias",
             "cls.predictions.transform.dense.bias": "cls/predictions/transform/dense/bias",
             "cls.predictions.transform.LayerNorm.weight": "cls/predictions/transform/LayerNorm/gamma",
             "cls.predictions.transform.LayerNorm.bias": "cls/predictions/transform/LayerNorm/beta",
             "cls.seq_relationship.weight": "cls/seq_relationship/output_weights",
             "cls.seq_relationship.bias": "cls/seq_relationship/output_bias",
             "classifier.weight": "output_weights", "classifier.bias": "output_bias",
             "qa_outputs.weight": "cls/squad/output_weights", "qa_outputs.bias": "cls/squad/output_bias"}
    if name == "cls.predictions.transform.dense.weight":
        return {"cls/predictions/transform/dense/kernel": np.ascontiguousarray(array.T)}
    return {heads[name]: array}


def _write_tf1(folder, tensors, *, slots=False, name="bert_model.ckpt", pieces=PIECES, config=CONFIG):
    tensors = dict(tensors)
    if slots:
        tensors |= {f"{key}/adam_{slot}": value for key, value in list(tensors.items()) for slot in "mv"}
        tensors["global_step"] = np.array(7, "int64")
    names = list(tensors)
    tf.raw_ops.SaveV2(prefix=str(folder / name), tensor_names=names, shape_and_slices=[""] * len(names),
                      tensors=[np.asarray(tensors[key], "float32" if key != "global_step" else None) for key in names])
    (folder / "bert_config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))


def _write_model_garden(folder, writer, extra=None):
    """An object checkpoint whose variables are recognisable by their full names or by their attributes only."""
    checkpoint = tf.train.Checkpoint()
    for name, array in _tf1_tensors(("BertModel", "", "")).items():
        full_name, path, shape = _model_garden_place(name.removeprefix("bert/"))
        if writer == "full_names":
            path = "model/part_" + full_name.replace("/", "_")
        elif writer == "attributes":
            path = "encoder/" + path[0]
        else:
            path = "model/" + path[1]
        variable = tf.Variable(array.reshape(shape or array.shape),
                               name=f"outer/{full_name}" if writer == "full_names" else "unnamed")
        _attach(checkpoint, path, variable)
    _attach(checkpoint, "masked_lm/dense/kernel", tf.Variable(np.ones((2, 2), "float32")))
    _attach(checkpoint, "optimizer/beta", tf.Variable(0.9))
    if extra:
        _attach(checkpoint, extra, tf.Variable(np.ones(2, "float32")))
    checkpoint.save_counter.assign_add(1)
    checkpoint.write(str(folder / "bert_model.ckpt"))
    (folder / "bert_config.json").write_text(json.dumps(CONFIG))


def _attach(root, path, variable):
    *parents, name = path.split("/")
    for parent in parents:
        child = getattr(root, parent, None)
        if child is None:
            child = tf.Module()
            setattr(root, parent, child)
        root = child
    setattr(root, name, variable)


def _model_garden_place(name):
    """Google's TF1 name -> Model Garden's full name, its paths (by attribute, by layer) and a shape if it differs."""
    top = {"embeddings/word_embeddings": ("word_embeddings/embeddings", "_embedding_layer/embeddings",
                                          "layer_with_weights-0/embeddings"),
           "embeddings/position_embeddings": ("position_embedding/embeddings", "_position_embedding_layer/embeddings",
                                              "layer_with_weights-1/embeddings"),
           "embeddings/token_type_embeddings": ("type_embeddings/embeddings", "_type_embedding_layer/embeddings",
                                                "layer_with_weights-2/embeddings")}
    if name in top:
        full_name, *paths = top[name]
        return full_name, paths, None
    owner, _, weight = name.rpartition("/")
    if owner == "embeddings/LayerNorm":
        paths = (f"_embedding_norm_layer/{weight}", f"layer_with_weights-3/{weight}")
        return f"embeddings/layer_norm/{weight}", paths, None
    if owner == "pooler/dense":
        return f"pooler_transform/{weight}", (f"_pooler_layer/{weight}", f"layer_with_weights-6/{weight}"), None
    _, layer, part = owner.split("/", 2)
    index = int(layer.removeprefix("layer_"))
    qkv = {f"attention/self/{key}": (f"self_attention/{key}", f"_attention_layer/_{key}_dense", (16, 2, 8), (2, 8))
           for key in ("query", "key", "value")}
    parts = qkv | {
        "attention/output/dense": ("self_attention/attention_output", "_attention_layer/_output_dense", (2, 8, 16),
                                   None),
        "attention/output/LayerNorm": ("self_attention_layer_norm", "_attention_layer_norm", None, None),
        "intermediate/dense": ("intermediate", "_intermediate_dense", None, None),
        "output/dense": ("output", "_output_dense", None, None),
        "output/LayerNorm": ("output_layer_norm", "_output_layer_norm", None, None)}
    full_name, path, kernel_shape, bias_shape = parts[part]
    shape = {"kernel": kernel_shape, "bias": bias_shape}.get(weight)
    return (f"transformer/layer_{index}/{full_name}/{weight}",
            (f"_transformer_layers/{index}/{path}/{weight}", f"layer_with_weights-{4 + index}/{path}/{weight}"), shape)


def _randomise(model):
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
