"""The README's Keras example does what it says."""

import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"


def test_the_keras_example_runs(tmp_path, monkeypatch):
    block = re.search(r"tests/test_readme\.py\. -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)[1]
    monkeypatch.chdir(tmp_path)
    words = [f"word{number}" for number in range(50)]
    pathlib.Path("vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    rng = np.random.default_rng(0)
    for name in ("train.txt", "dev.txt"):
        documents = ["\n".join(" ".join(rng.choice(words, 8)) for _ in range(6)) for _ in range(20)]
        pathlib.Path(name).write_text("\n\n".join(documents))
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    reloaded = keras.saving.load_model("my_bert.keras")
    inputs, _, _ = next(iter(names["held_out"]))
    np.testing.assert_array_equal(reloaded(inputs)["masked_lm"], names["model"](inputs)["masked_lm"])


@pytest.mark.slow
def test_a_compiled_model_opens_once_the_class_has_been_touched(tmp_path):
    write = ("import bert_tf, keras\nfrom bert_tf.training.optimizer import AdamW\n"
             "from bert_tf.training.schedule import WarmupLinearDecay\n"
             "model = bert_tf.BertClassifier(bert_tf.EncoderConfig(vocabulary_size=9, num_layers=1, num_heads=1, "
             "hidden_dim=4, intermediate_dim=4), ['a', 'b'])\n"
             "model.compile(AdamW(WarmupLinearDecay(1e-3, 10, 1)))\nmodel.save('a.keras')")
    read = "from bert_tf import BertClassifier\nBertClassifier\nimport keras\nkeras.saving.load_model('a.keras')"
    for script in (write, read):
        subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=os.environ | {
            "PYTHONPATH": str(README.parent)})
