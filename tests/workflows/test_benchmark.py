import json

import numpy as np
import pytest

from bert_tf.workflows.benchmark import benchmark


def test_measures_both_and_saves(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bert_tf.workflows.benchmark._BATCHES", 5)
    words = [f"w{number}" for number in range(50)]
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    rng = np.random.default_rng(0)
    (tmp_path / "text.txt").write_text("\n".join(" ".join(rng.choice(words, 8)) if number % 5 else ""
                                                 for number in range(500)))
    results = benchmark(["tokenize", "examples"], str(tmp_path / "text.txt"), tmp_path / "vocab.txt", lowercase=True,
                        sequence_length=32, repeats=2, output=tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text()) == results
    for name in ("tokenize", "examples"):
        rows = list(results[name]["contestants"].values())
        assert len(rows) == 4 and rows[0]["ratio"] == 1
        assert all(0 < row["lowest"] <= row["median"] <= row["highest"] for row in rows)
    assert "Hugging Face tokenizers" in capsys.readouterr().out


def test_measures_loading_without_text(monkeypatch, capsys):
    monkeypatch.setattr("bert_tf.workflows.benchmark._LOADED_SIZE", "tiny")
    results = benchmark(["load", "load_memory"], None, None, lowercase=True, sequence_length=8, repeats=1, output=None)
    assert 0 < results["load"]["contestants"]["bert_tf"]["median"] < 60
    assert results["load_memory"]["contestants"]["bert_tf"]["median"] > 0
    assert "times the weights" in capsys.readouterr().out


def test_refuses_benchmarks_of_text_without_text():
    with pytest.raises(ValueError, match="`data` and `vocabulary`, which only load and load_memory do without"):
        benchmark(["load", "tokenize"], None, "vocab.txt", lowercase=True, sequence_length=8, repeats=1, output=None)
