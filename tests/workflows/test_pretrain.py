"""The script as a user runs it, on a small corpus of made-up sentences."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import bert_tf
from bert_tf.config import PretrainingConfig
from bert_tf.workflows.pretrain import pretrain

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SMALL = dict(size="tiny", sequence_length=32, batch_size=8, steps=6, learning_rate=1e-3, held_out_share=0.2,
             held_out_examples=32, vocabulary_size=200)

TEN_DOCUMENTS = "".join(f"line {number} a\nline {number} b\n\n" for number in range(10))


def script(name, *arguments):
    return subprocess.run([sys.executable, str(ROOT / "scripts" / name), *arguments], capture_output=True, text=True,
                          env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, cwd=ROOT)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rng = np.random.default_rng(0)
    subjects, verbs, objects = ("the cat", "a dog", "my friend"), ("sees", "likes", "meets"), ("birds", "us", "trees")
    documents = []
    for number in range(60):
        sentences = [f"On day {number} {rng.choice(subjects)} {rng.choice(verbs)} many old {rng.choice(objects)} again."
                     for _ in range(rng.integers(1, 8))]
        documents.append("\n".join(sentences))
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("\n\n".join(documents), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "first"
    flags = [f"--{name}={value}" for name, value in SMALL.items()]
    result = script("pretrain.py", f"--input={corpus}", f"--output_dir={directory}", *flags)
    assert result.returncode == 0, result.stderr
    return directory, result


def test_leaves_everything_in_one_folder(run):
    directory, result = run
    assert {path.name for path in directory.iterdir()} == {
        "config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "report.json", "curves.png",
        "log.jsonl", "run.json", "checkpoints", "tensorboard", "positions.jsonl"}
    report = json.loads((directory / "report.json").read_text())
    assert report["steps"] == 6 and report["corpus"]["documents"] == 60 and report["corpus"]["held_out_documents"] == 12
    assert {"masked_lm_loss", "masked_lm_accuracy", "next_sentence_accuracy", "most_frequent_piece_accuracy"} <= set(
        report["held_out"])
    assert 0 <= report["padding_share"] < 0.05 and report["tokens_per_second"] > 0 and report["examples_per_second"] > 0
    assert report["fill_mask"] and all(len(blank["answers"]) == 5 for blank in report["fill_mask"])
    assert all(blank["text"].replace("[MASK]", blank["word"]).lower() in
               pathlib.Path(report["corpus"]["files"][0]).read_text().lower() for blank in report["fill_mask"])
    assert "masked LM accuracy" in result.stdout and "    was: " in result.stdout
    assert "tokens/s" in result.stderr and "next_sentence=" in result.stderr


def test_the_model_fills_blanks(run):
    directory, _ = run
    result = script("predict.py", "fill_mask", f"--model={directory}", "--json", "On day 3 the [MASK] sees us again.")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    fill_mask = bert_tf.FillMask.load(directory)
    assert answer["blanks"][0][0]["token"] == fill_mask.predict([answer["text"]])[0][0][0]["token"]
    table = script("predict.py", "fill_mask", f"--model={directory}", "--top_k=2", "a [MASK] b [MASK]").stdout
    assert table.count("probability") == 2 and "blank 2" in table


@pytest.mark.slow
def test_the_same_run_gives_the_same_files(run, corpus, tmp_path):
    directory, _ = run
    pretrain(PretrainingConfig(input=str(corpus), **SMALL), tmp_path / "again")
    for name in ("model.safetensors", "vocab.txt", "config.json"):
        assert (directory / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.mark.slow
def test_resumes_and_refuses_to_overwrite(run, corpus):
    directory, _ = run
    before = (directory / "model.safetensors").read_bytes()
    config = PretrainingConfig(input=str(corpus), **SMALL)
    with pytest.raises(ValueError, match=r"an `output_dir` without another run or model \(--resume goes on"):
        pretrain(config, directory)
    with pytest.raises(ValueError, match="steps='6 then, 7 now'"):
        pretrain(PretrainingConfig(input=str(corpus), **SMALL | {"steps": 7}), directory, resume=True)
    (directory / "model.safetensors").unlink()
    assert pretrain(config, directory, resume=True)["steps"] == 6
    assert (directory / "model.safetensors").read_bytes() == before


@pytest.mark.slow
def test_goes_on_from_any_model(run, corpus, tmp_path):
    directory, _ = run
    config = PretrainingConfig(**SMALL | dict(input=str(corpus), init=str(directory), steps=1, learning_rate=1e-9,
                                              dropout=0.0))
    report = pretrain(config, tmp_path / "on")
    # A step that changes nothing: the same held-out loss as at the end of the first run.
    earlier = json.loads((directory / "report.json").read_text())["held_out"]
    assert report["held_out"]["masked_lm_loss"] == pytest.approx(earlier["masked_lm_loss"], abs=1e-4)
    assert (tmp_path / "on" / "vocab.txt").read_bytes() == (directory / "vocab.txt").read_bytes()
    assert json.loads((tmp_path / "on" / "config.json").read_text())["hidden_dropout_prob"] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["sop", "mlm"])
def test_other_objectives_and_options(corpus, tmp_path, objective):
    config = PretrainingConfig(**SMALL | dict(input=str(corpus), objective=objective, steps=2, whole_word_masking=True,
                                              precision="mixed_bfloat16"))
    try:
        report = pretrain(config, tmp_path / "run")
    finally:
        import keras

        keras.config.set_dtype_policy("float32")
    assert ("next_sentence_accuracy" in report["held_out"]) == (objective == "sop")
    loaded = bert_tf.load_model(tmp_path / "run")
    assert (loaded.next_sentence_head is not None) == (objective == "sop")
    assert bert_tf.FillMask.load(tmp_path / "run").predict(["the [MASK] sees"])[0]


@pytest.mark.parametrize(("text", "changes", "message"), [
    (None, {}, "a file name, or a pattern that matches files. Received: pattern="),
    ("", {}, "Expected text. Received: files="),
    ("one document\nof two lines\n", {}, "at least 2 documents"),
    ("one document\nof two lines\n", {"objective": "mlm"}, "at least 4 documents, to hold some out"),
    (TEN_DOCUMENTS, {"vocabulary": "missing.txt"}, "vocabulary='missing.txt'"),
    (TEN_DOCUMENTS, {"vocabulary_size": 20}, "Expected `vocabulary_size` >= "),
    (TEN_DOCUMENTS, {"sequence_length": 600}, "512 rows of the position table. Received: sequence_length=600"),
    (TEN_DOCUMENTS, {"init": "no/such/model/here"}, "no/such/model/here"),
])
def test_bad_input_is_refused_before_training(tmp_path, text, changes, message):
    path = tmp_path / "text.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError) as caught:
        pretrain(PretrainingConfig(**SMALL | {"input": str(path)} | changes), tmp_path / "run")
    assert message in str(caught.value)
    # Nothing trained, and the folder is free for the next try.
    assert not (tmp_path / "run" / "checkpoints").exists() and not (tmp_path / "run" / "run.json").exists()


def test_a_vocabulary_without_mask_is_refused_by_file_and_piece(corpus, tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n")
    with pytest.raises(ValueError, match=r"vocab\.txt.*\[MASK\]|\[MASK\].*vocab\.txt"):
        pretrain(PretrainingConfig(**SMALL | {"input": str(corpus), "vocabulary": str(vocabulary)}), tmp_path / "run")


def test_help_explains_every_setting():
    text = " ".join(script("pretrain.py", "--help").stdout.split())
    assert "Without flags it trains a small one" in text
    for name in PretrainingConfig.__dataclass_fields__:
        assert f"--{name}: " in text or f"--[no]{name}: " in text, name
    assert "tokens of an example at most. (default: 128)" in text


def test_the_command_line_answers_mistakes_in_one_line(tmp_path):
    config = tmp_path / "run.json"
    config.write_text('{"step": 5}')
    result = script("pretrain.py", f"--config={config}")
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1] == f"error: Unknown key `step` in {config}. Did you mean `steps`?"
    result = script("pretrain.py", "wiki.txt")
    assert result.returncode == 1 and "Expected flags only. Received: ['wiki.txt']." in result.stdout + result.stderr
