"""`layers`, `models` and `objectives` need Keras alone: they run on its other backends, without TensorFlow."""

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEUTRAL_FILES = sorted(path for folder in ("layers", "models", "objectives")
                       for path in (ROOT / "bert_tf" / folder).glob("*.py")
                       if not path.stem.endswith(("_tensorflow", "_jax")))  # imported where Keras runs on it

WITHOUT_TENSORFLOW = """
import importlib, sys
sys.modules["tensorflow"] = sys.modules["tensorflow_text"] = None  # importing them is an error now
import keras
import numpy as np
for module in sys.argv[1:]:
    importlib.import_module(module)

from bert_tf.config import EncoderConfig
from bert_tf.models.pretrainer import BertPretrainer

config = EncoderConfig(vocabulary_size=12, num_layers=2, num_heads=2, hidden_dim=4, intermediate_dim=6,
                       max_sequence_length=7)
model = BertPretrainer(config)
ids = np.array([[1, 5, 2, 7, 2], [1, 9, 2, 0, 0]], "int32")
inputs = {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": (ids > 0).astype("int32"),
          "masked_positions": np.array([[1, 3], [1, 0]], "int32")}
labels = {"masked_lm": np.array([[8, 7], [9, 0]], "int32"), "next_sentence": np.array([0, 1], "int32")}
weights = {"masked_lm": np.array([[1, 1], [1, 0]], "float32"), "next_sentence": np.ones(2, "float32")}
if keras.backend.backend() != "numpy":  # which cannot train
    model.compile(keras.optimizers.Adam(0.02))
    # Otherwise JAX would compute one operation after the other.
    assert model.jit_compile == (keras.backend.backend() == "jax")
    losses = model.fit(inputs, labels, sample_weight=weights, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0], losses
lists = {name: value.tolist() for name, value in inputs.items()}
assert tuple(model(lists)["masked_lm"].shape) == (2, 2, 12)
print("backend", keras.backend.backend())
"""


@pytest.mark.parametrize("path", NEUTRAL_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imports_no_tensorflow(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert not imported & {"tensorflow", "tensorflow_text", "keras_hub", "keras_nlp", "jax", "torch"}


@pytest.mark.parametrize("backend, needs", [
    ("numpy", "jax"), pytest.param("jax", "jax", marks=pytest.mark.slow), ("torch", "torch")])
def test_runs_without_tensorflow(backend, needs):
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed, which Keras' {backend} backend needs")
    modules = [f"bert_tf.{path.parent.name}.{path.stem}" for path in NEUTRAL_FILES]
    run = subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW, *modules], cwd=ROOT, capture_output=True, text=True,
                         env=os.environ | {"KERAS_BACKEND": backend}, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["backend", backend]
