import json

import pytest

from bert_tf.benchmarks.suite import run_benchmarks
from bert_tf.config import BenchmarkConfig
from tests.benchmarks.fakes import benchmark, contestant


def test_prints_and_saves_figures_and_pictures(tmp_path, capsys):
    names = [contestant("ours", "bert_tf"), contestant("peer", "other"),
             contestant("absent", "other", needs=("no_such_package",))]
    fake = benchmark(*names, log=tmp_path / "log")
    results = run_benchmarks(["first", "second"], BenchmarkConfig(repeats=2), tmp_path / "out",
                             {"first": fake, "second": fake, "third": fake})
    assert json.loads((tmp_path / "out/benchmark.json").read_text()) == results
    assert list(results["benchmarks"]) == ["first", "second"]
    assert results["config"]["repeats"] == 2 and {"python", "tensorflow"} <= set(results["versions"])
    assert results["machine"]["cpus"] >= 1
    for name in ("first", "second"):
        assert (tmp_path / f"out/{name}.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "ours: 2.50 times as good as peer, the best peer" in printed
    assert "without absent: not installed: no_such_package; pip install 'bert_tf[bench]'" in printed
    assert "peer: warmed peer" in printed


def test_refuses_unknown_names_before_any_work(tmp_path):
    with pytest.raises(ValueError, match=r"benchmarks out of first. Received: unknown=\['second'\]"):
        run_benchmarks(["first", "second"], BenchmarkConfig(), tmp_path / "out", {"first": None})
    assert not (tmp_path / "out").exists()
