"""Every benchmark once, tiny, with contestants that need no package beyond bert_tf's own."""

import importlib.util

import pytest

from bert_tf.benchmarks import examples, memory
from bert_tf.benchmarks.registry import BENCHMARKS
from bert_tf.benchmarks.runner import run_benchmark
from tests.benchmarks.data import tiny_config

FLOAT32 = "^(bert_tf|KerasHub), float32$"
CONTESTANTS = {
    "tokenize": "", "examples": "bert_tf", "train_step": FLOAT32, "pretrain": FLOAT32,
    "forward": f"{FLOAT32}|in halves$",
    "serve": "(SavedModel|LiteRT|KerasHub).*float32", "finetune": "(bert_tf|KerasHub), mixed_bfloat16$",
    "tflite": "LiteRT, (float32|int8 weights)", "load": "bert_tf|KerasHub", "import": "bert_tf|KerasHub",
    "memory": "bert_tf",
}


def run(name, folder, monkeypatch, **changes):
    monkeypatch.setattr(examples, "BATCHES", 3)
    monkeypatch.setattr(memory, "_BATCHES", 3)
    monkeypatch.setattr(memory, "_BYTES", 10_000)
    # Else the MiniLM that may be installed.
    monkeypatch.setattr("bert_tf.benchmarks.tflite._MINILM", "no_such_package")
    return run_benchmark(name, BENCHMARKS[name], tiny_config(folder, **{"contestants": CONTESTANTS[name]} | changes))


def check(name, result, count):
    assert not result["left_out"] and len(result["contestants"]) == count
    for metric in BENCHMARKS[name].metrics:
        rows = result["metrics"][metric.name]["contestants"]
        assert list(rows) == list(result["contestants"])
        assert all(row["median"] > 0 for row in rows.values())
    checked = BENCHMARKS[name].compares != "nothing"
    assert all((row["difference"] is not None) == checked for row in result["contestants"].values())


@pytest.mark.slow
def test_tokenize(tmp_path, monkeypatch):
    check("tokenize", run("tokenize", tmp_path, monkeypatch), 4)


@pytest.mark.slow
@pytest.mark.parametrize("name, count", [
    ("examples", 2), ("train_step", 2), ("pretrain", 2), ("forward", 3), ("serve", 5), ("finetune", 2), ("tflite", 2),
    ("load", 2), ("import", 3)])
def test_every_other_benchmark(name, count, tmp_path, monkeypatch):
    # LiteRT files have a graph for each of many lengths.
    changes = {"sequence_length": 10} if name == "serve" else {}
    check(name, run(name, tmp_path, monkeypatch, **changes), count)


@pytest.mark.slow
def test_train_step_on_jax(tmp_path, monkeypatch):
    result = run("train_step", tmp_path, monkeypatch, backend="jax", contestants="^bert_tf.* float32$")
    if importlib.util.find_spec("jax") is None:
        assert result["left_out"] == {"bert_tf on JAX, float32": "not installed: jax; pip install 'bert_tf[bench]'"}
        pytest.skip("jax is not installed")
    check("train_step", result, 2)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_text(tmp_path, monkeypatch):
    result = run("memory", tmp_path, monkeypatch)
    often, once = ({who: row["median"] for who, row in result["metrics"][name]["contestants"].items()}
                   for name in ("20 times the text", "the text"))
    assert all(often[who] < 1.1 * once[who] for who in once)
