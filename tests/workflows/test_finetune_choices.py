import json
import random

import pytest

import bert_tf
from bert_tf.workflows.evaluate import evaluate
from bert_tf.workflows.finetune import finetune
from tests.workflows.finetuning import config, sentence


def write_choices(path, count, seed=0):
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        label = rng.randrange(3)
        choices = [sentence(rng, "good" if number == label else "bad", length=3) for number in range(3)]
        rows.append(json.dumps({"context": sentence(rng), "choices": choices, "label": label}))
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_chooses(encoder, tmp_path):
    train, dev = write_choices(tmp_path / "train.jsonl", 64), write_choices(tmp_path / "dev.jsonl", 12, seed=1)
    report = finetune(config(encoder, "multiple_choice", train=train, validation=dev), tmp_path / "run")
    assert set(report["metrics"]) == {"accuracy"} and report["metrics"]["accuracy"] >= 0.9
    rows = [line.split("\t") for line in (tmp_path / "run" / "predictions.tsv").read_text().splitlines()]
    assert rows[0] == ["place", "context", "gold", "predicted", "probability", "loss"]
    answer = bert_tf.MultipleChoice.load(tmp_path / "run").predict(["the cat"], [["a bad dog", "a good dog"]])[0]
    assert answer["choice"] == 1
    assert evaluate(tmp_path / "run", str(dev))["metrics"] == report["metrics"]


def test_refuses_a_label_that_is_no_choice(encoder, tmp_path):
    (tmp_path / "train.jsonl").write_text('{"context": "a", "choices": ["b", "c"], "label": 2}\n')
    with pytest.raises(ValueError, match=r"a label from 0 to 1 at .*train\.jsonl:1"):
        finetune(config(encoder, "multiple_choice", train=tmp_path / "train.jsonl"), tmp_path / "run")
