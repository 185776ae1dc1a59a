"""The README's fine-tuning in plain Keras: strings in `Dataset.map`, a part of the model, low-rank updates."""

import pathlib
import random
import re

import numpy as np
import pytest

import bert_tf
from tests.workflows.finetuning import sentence, write_encoder

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = r"tests/test_keras_finetuning\.py\. -->\n```python\n(.*?)```"
SNIPPET = re.search(_BLOCK, README.read_text(encoding="utf-8"), re.S)[1]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["", 'freeze(model, "embeddings")', "enable_lora(model, rank=4)"])
def test_the_snippet(tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    write_encoder(tmp_path / "bert")
    rng, labels = random.Random(0), np.arange(64) % 2
    names = {"texts": [sentence(rng, "good" if label else "bad") for label in labels], "labels": labels}
    before, place, after = SNIPPET.partition("# freeze(")
    assert place
    exec(compile(f"{before}{option}\n{after.partition(chr(10))[2]}", "README.md", "exec"), names)
    assert names["model"].evaluate(names["batches"], verbose=0, return_dict=True)["logits_accuracy"] >= 0.9
    answers = bert_tf.Classifier.load("my_classifier").predict(["the red cat is good", "the red cat is bad"])
    assert [answer["label"] for answer in answers] == ["good", "bad"]
