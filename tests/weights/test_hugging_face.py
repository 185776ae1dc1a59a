import json
import logging
import re

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bert_tf.config import EncoderConfig
from bert_tf.model_directory import load_model, save_model
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.weights.hugging_face import table
from tests.weights.fresh_process import needs, printed
from tests.weights.hugging_face_models import (
    ARCHITECTURES,
    FOLDER,
    INPUTS,
    copy_of,
    golden,
    inputs_for,
    rewrite_tensors,
)

OPENED_BY_TRANSFORMERS = """
import json, pathlib, sys
import numpy, torch, transformers

folder, source, auto, text = pathlib.Path(sys.argv[1]), *sys.argv[2:]
inputs = {name: torch.tensor(value, dtype=torch.long) for name, value in numpy.load(folder / "inputs.npz").items()}
hidden_states = {}
for name, path in (("source", source), ("saved", folder / "saved")):
    model, info = getattr(transformers, auto).from_pretrained(path, output_loading_info=True)
    with torch.no_grad():
        outputs = model.eval()(input_ids=inputs["token_ids"], token_type_ids=inputs["segment_ids"],
                               attention_mask=inputs["padding_mask"], output_hidden_states=True)
    hidden_states[name] = torch.stack(outputs["hidden_states"]).numpy()
numpy.savez(folder / "hidden.npz", **hidden_states)
tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "saved")
print(json.dumps({"unexpected": any(info.values()), "class": type(model).__name__,
                  "ids": tokenizer(text)["input_ids"][1:-1]}))
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_heads_answer_as_in_transformers(architecture):
    model = load_model(FOLDER / architecture)

    for name, value in model(inputs_for(model)).items():
        np.testing.assert_allclose(value, golden(architecture, name), atol=1e-5, err_msg=name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_states_equal_those_of_transformers(architecture):
    encoder = load_model(FOLDER / architecture, BertEncoder, return_hidden_states=True)
    inputs = INPUTS
    if architecture == "BertForMultipleChoice":  # a row for every choice
        inputs = {name: np.stack([value, value[::-1]], axis=1).reshape(6, 12) for name, value in INPUTS.items()}

    np.testing.assert_allclose(np.stack(encoder(inputs)["hidden_states"]), golden(architecture, "hidden_states"),
                               atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_round_trip_is_exact(architecture, tmp_path):
    save_model(load_model(FOLDER / architecture), tmp_path / "saved")

    before, after = (load_file(folder / "model.safetensors") for folder in (FOLDER / architecture, tmp_path / "saved"))
    assert sorted(after) == sorted(before)
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        np.testing.assert_array_equal(after[name], tensor, err_msg=name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_transformers_opens_what_was_saved(architecture, tmp_path):
    needs("torch", "transformers")
    model = load_model(FOLDER / architecture)
    save_model(model, tmp_path / "saved")
    autos = {"BertModel": "AutoModel"}
    np.savez(tmp_path / "inputs.npz", **inputs_for(model))
    text = "The cat, [MASK] played 猫魚!"

    theirs = printed(OPENED_BY_TRANSFORMERS, tmp_path, FOLDER / architecture, autos.get(
        architecture, architecture.replace("Bert", "AutoModel")), text)

    assert theirs == {"unexpected": False, "class": architecture,
                      "ids": model.tokenizer.tokenize([text]).to_list()[0]}
    hidden_states = np.load(tmp_path / "hidden.npz")
    np.testing.assert_array_equal(hidden_states["saved"], hidden_states["source"])
    # What another processor gave.
    np.testing.assert_allclose(hidden_states["saved"], golden(architecture, "hidden_states"), atol=1e-5)


def test_prefix_and_old_names_of_norms_do_not_matter(tmp_path):
    folder = copy_of("BertModel", tmp_path)

    def old_style(tensors):
        old_names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        renamed = {re.sub(r"LayerNorm\.\w+", lambda match: old_names[match[0]], name): value
                   for name, value in tensors.items()}
        return {f"bert.{name}": value for name, value in renamed.items()} | {
            "bert.embeddings.position_ids": np.arange(24)[np.newaxis]}

    rewrite_tensors(folder, old_style)

    np.testing.assert_allclose(load_model(folder)(INPUTS)["pooled_output"], golden("BertModel", "pooled_output"),
                               atol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-2), (ml_dtypes.bfloat16, 2e-1)])
def test_half_precision_files_become_float32(dtype, tolerance, tmp_path):
    folder = copy_of("BertModel", tmp_path)
    rewrite_tensors(folder, lambda tensors: {name: value.astype(dtype) for name, value in tensors.items()})

    model = load_model(folder)
    save_model(model, tmp_path / "saved")

    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    stored = load_file(folder / "model.safetensors")["pooler.dense.weight"]
    np.testing.assert_array_equal(load_file(tmp_path / "saved/model.safetensors")["pooler.dense.weight"],
                                  stored.astype("float32"))
    assert json.loads((tmp_path / "saved/config.json").read_text())["dtype"] == "float32"
    np.testing.assert_allclose(model(INPUTS)["pooled_output"], golden("BertModel", "pooled_output"), atol=tolerance)


def test_variables_in_half_precision_are_written_in_float32(tmp_path):
    model = load_model(FOLDER / "BertModel", BertEncoder, dtype="bfloat16")
    assert {weight.dtype for weight in model.weights} == {"bfloat16"}

    save_model(model, tmp_path / "saved")

    stored = load_file(tmp_path / "saved/model.safetensors")["pooler.dense.bias"]
    original = load_file(FOLDER / "BertModel/model.safetensors")["pooler.dense.bias"]
    np.testing.assert_array_equal(stored, original.astype(ml_dtypes.bfloat16).astype("float32"))


def test_reads_shards(tmp_path):
    folder = copy_of("BertForPreTraining", tmp_path)
    _split_into_shards(folder)

    model = load_model(folder)

    np.testing.assert_allclose(model(inputs_for(model))["masked_lm"], golden("BertForPreTraining", "masked_lm"),
                               atol=1e-5)


def test_missing_shard_is_named(tmp_path):
    folder = copy_of("BertForPreTraining", tmp_path)
    _split_into_shards(folder)
    (folder / "model-2.safetensors").unlink()

    with pytest.raises(ValueError, match=r"all shards that .*index.json names.*model-2.safetensors"):
        load_model(folder)


def test_model_without_pooler_loads_without_one(tmp_path):
    folder = copy_of("BertModel", tmp_path)
    rewrite_tensors(folder, lambda tensors: {name: value for name, value in tensors.items() if "pooler" not in name})

    assert list(load_model(folder).output) == ["sequence_output"]


def test_missing_heads_of_another_class_are_drawn_anew_and_named(caplog):
    with caplog.at_level(logging.WARNING):
        model = load_model(FOLDER / "BertForMaskedLM", BertClassifier, labels=["no", "yes", "maybe"])

    assert "classifier/kernel, classifier/bias" in caplog.text and "pooler/projection/kernel" in caplog.text
    weights = {weight.path: np.asarray(weight) for weight in model.weights}
    assert 0.005 < weights["classifier/kernel"].std() < 0.04
    assert 0.005 < weights["pooler/projection/kernel"].std() < 0.04
    np.testing.assert_array_equal(weights["classifier/bias"], np.zeros(3))
    stored = load_file(FOLDER / "BertForMaskedLM/model.safetensors")
    np.testing.assert_array_equal(weights["token_embedding/embeddings"],
                                  stored["bert.embeddings.word_embeddings.weight"])


def test_classifier_of_another_size_is_drawn_anew_when_asked_for(caplog):
    with caplog.at_level(logging.WARNING):
        model = load_model(FOLDER / "BertForSequenceClassification", BertClassifier, num_labels=7)

    assert "classifier/kernel" in caplog.text and "pooler" not in caplog.text
    assert model(INPUTS)["logits"].shape == (3, 7)


def test_other_labels_than_those_of_a_regression(tmp_path):
    folder = copy_of("BertForSequenceClassification", tmp_path)
    _change_config(folder, problem_type="regression")

    model = load_model(folder, BertClassifier, labels=["no", "yes"])
    assert model.problem_type == "single_label" and model.labels == ("no", "yes")
    model = load_model(folder, BertClassifier, num_labels=1, problem_type="regression")
    assert model.problem_type == "regression" and model.labels == ("LABEL_0",)


def test_heads_that_the_class_lacks_are_left_alone(caplog):
    with caplog.at_level(logging.WARNING):
        load_model(FOLDER / "BertForPreTraining", BertEncoder)

    assert not caplog.text


def test_asked_for_pretrainer_keeps_the_folders_heads():
    assert list(load_model(FOLDER / "BertForMaskedLM", BertPretrainer).output) == ["masked_lm"]
    assert sorted(load_model(FOLDER / "BertModel", BertPretrainer).output) == ["masked_lm", "next_sentence"]


def test_missing_tensor_is_named_with_its_file(tmp_path):
    folder = copy_of("BertModel", tmp_path)
    rewrite_tensors(folder, lambda tensors: _without(tensors, "encoder.layer.1.output.dense.bias"))

    with pytest.raises(ValueError, match=r"`encoder.layer.1.output.dense.bias` is missing from .*model.safetensors"):
        load_model(folder)


def test_extra_tensor_is_named(tmp_path):
    folder = copy_of("BertModel", tmp_path)
    rewrite_tensors(folder, lambda tensors: tensors | {"encoder.layer.1.adapter.weight": np.zeros(3, "float32")})

    with pytest.raises(ValueError, match=r"`encoder.layer.1.adapter.weight` in .*model.safetensors is not known"):
        load_model(folder)


def test_wrong_shape_is_named(tmp_path):
    folder = copy_of("BertModel", tmp_path)
    rewrite_tensors(folder, lambda tensors: tensors | {"pooler.dense.bias": np.zeros(15, "float32")})

    with pytest.raises(ValueError, match=r"`pooler.dense.bias` in .*model.safetensors has shape \(15,\), .* \(16,\)"):
        load_model(folder)


@pytest.mark.parametrize(("key", "value", "tensor"), [
    ("num_hidden_layers", 3, r"`encoder.layer.2.attention.self.query.weight` is missing"),
    ("num_hidden_layers", 1, r"`encoder.layer.1.attention.output.LayerNorm.bias` .* is not known"),
    ("intermediate_size", 64, r"`encoder.layer.0.intermediate.dense.weight` .* has shape \(32, 16\)"),
    ("vocab_size", 60, r"`embeddings.word_embeddings.weight` .* has shape \(52, 16\)"),
])
def test_configuration_that_contradicts_the_weights(key, value, tensor, tmp_path):
    folder = copy_of("BertModel", tmp_path)
    _change_config(folder, **{key: value})

    with pytest.raises(ValueError, match=tensor):
        load_model(folder)


def test_either_name_of_the_tied_decoder_will_do(tmp_path):
    folder = copy_of("BertForMaskedLM", tmp_path)

    def second_names(tensors):
        tensors["cls.predictions.decoder.weight"] = tensors.pop("bert.embeddings.word_embeddings.weight")
        tensors["cls.predictions.decoder.bias"] = tensors.pop("cls.predictions.bias")
        return tensors

    rewrite_tensors(folder, second_names)

    model = load_model(folder)
    np.testing.assert_allclose(model(inputs_for(model))["masked_lm"], golden("BertForMaskedLM", "masked_lm"), atol=1e-5)


def test_decoder_of_its_own_is_refused(tmp_path):
    folder = copy_of("BertForMaskedLM", tmp_path)
    rewrite_tensors(folder, lambda tensors: tensors | {
        "cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"] + 1})

    with pytest.raises(ValueError, match=r"`cls.predictions.decoder.weight` in .* to equal"):
        load_model(folder)


def test_table_has_a_row_for_every_variable_once():
    config = EncoderConfig(vocabulary_size=5, num_layers=11, num_heads=1, hidden_dim=2, intermediate_dim=3,
                           max_sequence_length=4)
    rows = table(config)

    assert len({row.target for row in rows}) == len(rows)
    sources = [name for row in rows for name in row.sources]
    assert len(set(sources)) == len(sources)
    assert {weight.path for weight in BertPretrainer(config).weights} <= {row.target for row in rows}


def _split_into_shards(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    weight_map = {name: f"model-{1 + index % 3}.safetensors" for index, name in enumerate(sorted(tensors))}
    for file in set(weight_map.values()):
        save_file({name: tensors[name] for name, home in weight_map.items() if home == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def _change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _without(tensors, name):
    return {key: value for key, value in tensors.items() if key != name}
