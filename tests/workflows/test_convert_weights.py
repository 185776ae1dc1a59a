import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import keras_nlp
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from bert_tf.config import EncoderConfig
from bert_tf.model_directory import load_model, save_model
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.weights.keras_hub import NUMERICS
from bert_tf.workflows.convert_weights import convert_weights
from tests.weights.fresh_process import needs
from tests.weights.hugging_face_models import FOLDER, INPUTS, copy_of, inputs_for

SOURCE = str(FOLDER / "BertForPreTraining")


def test_to_google_and_back_is_exact(tmp_path):
    lines = []

    convert_weights(SOURCE, str(tmp_path / "google"), target_format="google", report=lines.append)
    convert_weights(str(tmp_path / "google"), str(tmp_path / "back"), report=lines.append)

    assert f"source     {SOURCE} (hugging_face)" in lines
    assert f"source     {tmp_path}/google (google)" in lines
    assert lines.count("mapped     46 tensors to 38 variables, 6,390 parameters") == 2
    assert lines.count("tokeniser  52 pieces, lower-cased") == 2
    assert tf.train.load_checkpoint(str(tmp_path / "google/bert_model.ckpt")).has_tensor("cls/predictions/output_bias")
    before, after = (load_file(Path(folder, "model.safetensors")) for folder in (SOURCE, tmp_path / "back"))
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)


def test_to_keras_hub_is_refused_or_measured(tmp_path):
    output = tmp_path / "preset"
    lines = []

    with pytest.raises(ValueError, match="numerics that KerasHub's BERT has .*or `allow_approximate`"):
        convert_weights(SOURCE, str(output), target_format="keras_hub", report=lines.append)
    assert not list(tmp_path.iterdir())
    convert_weights(SOURCE, str(output), target_format="keras_hub", allow_approximate=True, report=lines.append)

    measured = float(next(line for line in lines if line.startswith("KerasHub")).rpartition(" ")[2])
    assert 1e-5 < measured < 1e-1
    expected = load_model(SOURCE).encoder(INPUTS)["sequence_output"]
    backbone = keras_nlp.models.BertBackbone.from_preset(str(output))
    np.testing.assert_allclose(backbone(INPUTS)["sequence_output"], expected, atol=2 * measured)


def test_from_keras_hub_and_back(tmp_path):
    config = EncoderConfig(vocabulary_size=52, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8,
                           max_sequence_length=24, **NUMERICS)
    save_model(BertPretrainer(config, next_sentence=False), tmp_path / "ours")
    lines = []

    convert_weights(str(tmp_path / "ours"), str(tmp_path / "preset"), target_format="keras_hub", report=lines.append)
    convert_weights(str(tmp_path / "preset"), str(tmp_path / "back"), verify_source=True, report=lines.append)

    verified = next(line for line in lines if line.startswith("verified"))
    assert verified.startswith("verified   with KerasHub: largest difference ")
    assert float(verified.rpartition(" ")[2]) < 1e-5
    first, second = load_model(tmp_path / "ours"), load_model(tmp_path / "back")
    assert second.config == config
    np.testing.assert_array_equal(first(inputs_for(first))["masked_lm"], second(inputs_for(second))["masked_lm"])


def test_verify_says_when_there_is_nothing_to_compare_with(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    convert_weights(SOURCE, str(tmp_path / "google"), target_format="google", verify_source=True, report=lines.append)
    convert_weights(str(tmp_path / "google"), str(tmp_path / "back"), verify_source=True, report=lines.append)

    assert "verified   not: transformers is not installed" in lines
    assert "verified   not: google-research/bert runs under TensorFlow 1 only" in lines


@pytest.mark.parametrize("architecture", ["BertForPreTraining", "BertForQuestionAnswering", "BertForMultipleChoice"])
def test_verify_runs_transformers(architecture, tmp_path):
    needs("torch", "transformers")
    lines = []

    convert_weights(str(FOLDER / architecture), str(tmp_path / "out"), verify_source=True, report=lines.append)

    verified = next(line for line in lines if line.startswith("verified"))
    assert float(verified.rpartition(" ")[2]) < 1e-5


def test_verify_takes_folders_that_ask_for_hidden_states(tmp_path):
    needs("torch", "transformers")
    config = copy_of("BertForMaskedLM", tmp_path) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"output_hidden_states": True}))
    lines = []

    convert_weights(str(config.parent), str(tmp_path / "out"), verify_source=True, report=lines.append)

    verified = next(line for line in lines if line.startswith("verified"))
    assert float(verified.rpartition(" ")[2]) < 1e-5


@pytest.mark.parametrize(("arguments", "message"), [
    ({"output": SOURCE}, "`output` to be another folder than `source`"),
    ({"target_format": "onnx"}, "target_format='onnx'"),
    ({"source_format": "onnx"}, "source_format='onnx'"),
])
def test_refuses(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert_weights(**{"source": SOURCE, "output": str(tmp_path / "out")} | arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_script_prints_errors_as_one_line(tmp_path):
    script = Path(__file__).parent.parent.parent / "scripts" / "convert_weights.py"

    done = subprocess.run([sys.executable, script, f"--source={tmp_path}", f"--output={tmp_path}/out"],
                          capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: Expected config.json and model.safetensors")
    assert "Traceback" not in done.stderr
