"""One run as a whole: the same again, parts of a model, several runs, the scripts."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import safetensors.numpy

import bert_tf
from bert_tf.config import FinetuningConfig
from bert_tf.workflows.finetune import finetune
from tests.workflows.finetuning import FAST, config, write_reviews

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def script(name, *arguments):
    return subprocess.run([sys.executable, str(ROOT / "scripts" / name), *arguments], capture_output=True, text=True,
                          env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, cwd=ROOT)


@pytest.fixture(scope="module", name="reviews")
def reviews_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviews")
    write_reviews(folder / "train.tsv", 40)
    write_reviews(folder / "dev.tsv", 10, seed=1)
    return folder


@pytest.fixture(name="settings")
def short_settings(encoder, reviews):
    """Two epochs with every dropout on."""
    return dict(train=reviews / "train.tsv", validation=reviews / "dev.tsv", epochs=2, dropout=0.2)


def weights(folder):
    return safetensors.numpy.load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_runs_of_two_seeds_equal_those_alone(encoder, settings, tmp_path):
    both = finetune(config(encoder, "classification", **settings, seeds=2), tmp_path / "both")
    alone = finetune(config(encoder, "classification", **settings, seed=1), tmp_path / "alone")
    second = tmp_path / "both" / "seed=1"
    for name in ("model.safetensors", "predictions.tsv"):
        assert (second / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    first = tmp_path / "both" / "seed=0"
    assert (first / "model.safetensors").read_bytes() != (second / "model.safetensors").read_bytes()
    best = tmp_path / "both" / both["runs"]["best"]
    for path in best.iterdir():
        if path.name != "report.json":
            assert (tmp_path / "both" / path.name).read_bytes() == path.read_bytes(), path.name
    runs = json.loads((tmp_path / "both" / "runs.json").read_text())
    assert runs["settings"][0]["runs"][1]["metrics"] == alone["metrics"]
    with pytest.raises(ValueError, match="an `output_dir` without another run"):
        finetune(config(encoder, "classification", **settings), tmp_path / "both")


def test_refuses_a_folder_that_holds_a_model(encoder, settings, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(encoder, folder)
    with pytest.raises(ValueError, match=r"without another run or model.*holds=\['config.json', 'model.safetensors'\]"):
        finetune(config(folder, "classification", **settings), folder)
    assert (folder / "model.safetensors").read_bytes() == pathlib.Path(encoder, "model.safetensors").read_bytes()


def changed(before, after):
    return {name for name in after if name in before and not np.array_equal(before[name], after[name])}


def without_prefix(tensors):
    return {name.removeprefix("bert."): values for name, values in tensors.items()}


@pytest.mark.parametrize("part", [{"freeze": "1"}, {"lora_rank": 2}])
def test_trains_a_part(encoder, settings, tmp_path, part):
    report = finetune(config(encoder, "classification", **settings, **part), tmp_path / "run")
    assert report["trained_parameters"] < report["parameters"]
    before, after = (without_prefix(weights(pathlib.Path(folder))) for folder in (encoder, tmp_path / "run"))
    names = changed(before, after)
    if "freeze" in part:
        assert any(name.startswith("encoder.layer.1.") for name in names)
        assert not any(name.startswith(("encoder.layer.0.", "embeddings.")) for name in names)
    else:
        # The updates are merged into the kernels; biases, norms and embeddings are as they were.
        assert {name for name in names if name.startswith("encoder.")} == {
            name for name in before if name.startswith("encoder.") and name.endswith(".weight")
            and "LayerNorm" not in name}
        assert not any(name.startswith("embeddings.") or "lora" in name for name in after if name in names)
    answers = bert_tf.Classifier.load(tmp_path / "run", max_length=32).predict(["the good cat"])
    assert set(answers[0]["probabilities"]) == {"negative", "positive"}


@pytest.mark.slow
def test_other_options(encoder, settings, tmp_path):
    changes = dict(epochs=1, layer_decay=0.5, precision="mixed_bfloat16", accumulate=2, evaluation_steps=2)
    try:
        report = finetune(config(encoder, "classification", **settings | changes), tmp_path / "run")
    finally:
        keras.config.set_dtype_policy("float32")
    assert [evaluation["step"] for evaluation in report["evaluations"]] == [2, 4, 5]
    assert weights(tmp_path / "run")["classifier.weight"].dtype == np.float32


def test_a_loss_that_is_no_number_ends_the_run(encoder, settings, tmp_path):
    with pytest.raises(ValueError, match="Expected a finite loss. .* A smaller learning rate may help"):
        finetune(config(encoder, "classification", **settings | {"learning_rate": 1e30}), tmp_path / "run")


def test_the_report_is_there_before_other_files_are_answered(encoder, settings, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no room")

    monkeypatch.setattr("bert_tf.workflows.finetune._write_answers", fail)
    with pytest.raises(OSError, match="no room"):
        finetune(config(encoder, "classification", **settings | {"epochs": 1}), tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert set(report["metrics"]) == {"accuracy", "f1", "matthews"} and report["steps"] == 5
    assert set(report["seconds"]) == {"preparation", "training", "total"}


@pytest.mark.parametrize(("changes", "message"), [
    ({"max_length": 65}, "`max_length` not beyond the 64 rows of the position table"),
    ({"freeze": "3"}, r"a number of layers in \[1, 2\]"),
    ({"init": "no/such/model/here"}, "no/such/model/here"),
    ({"labels": "negative,neutral"}, "one of the labels negative, neutral at .*train.tsv:3"),
])
def test_mistakes_leave_the_folder_free(encoder, settings, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        finetune(config(**{"init": encoder, "task": "classification"} | settings | changes), tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.slow
def test_the_scripts(encoder, reviews, tmp_path):
    flags = [f"--{name}={value}" for name, value in (FAST | {"epochs": 4}).items()]
    result = script("finetune.py", "--task=classification", f"--train={reviews / 'train.tsv'}", f"--init={encoder}",
                    f"--validation={reviews / 'dev.tsv'}", f"--output_dir={tmp_path / 'run'}", *flags)
    assert result.returncode == 0, result.stderr
    assert "The hardest examples" in result.stdout and "best accuracy=" in result.stderr
    scores = script("evaluate.py", f"--model={tmp_path / 'run'}", f"--data={reviews / 'dev.tsv'}")
    assert scores.returncode == 0, scores.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    row = next(line for line in scores.stdout.splitlines() if line.split()[:1] == ["matthews"])
    assert float(row.split()[1]) == pytest.approx(report["metrics"]["matthews"], abs=1e-3)


def test_help_and_mistakes_are_answered_at_once(tmp_path):
    text = " ".join(script("finetune.py", "--help").stdout.split())
    for name in FinetuningConfig.__dataclass_fields__:
        assert f"--{name}: " in text or f"--[no]{name}: " in text, name
    result = script("finetune.py", "--task=classification", "--init=x", "--train=missing.tsv")
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("error: Expected a file name, or a pattern that matches")
