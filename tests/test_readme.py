"""The README's Keras example does what it says."""

import pathlib
import re

import keras
import numpy as np

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
