import pytest

from bert_tf.benchmarks.runner import run_benchmark
from bert_tf.config import BenchmarkConfig
from tests.benchmarks.fakes import benchmark, contestant, events

OURS, PEER = contestant("ours", "bert_tf"), contestant("peer", "other", precision="int3", how="by hand")


def test_alternates_after_comparing_and_warming_up(tmp_path):
    result = run_benchmark("fake", benchmark(OURS, PEER, log=tmp_path / "log"), BenchmarkConfig(repeats=3))
    both = [["ours", "run"], ["peer", "run"]]
    assert events(tmp_path / "log") == [
        [name, event] for name in ("ours", "peer") for event in ("start", "outputs", "warm_up")] + both * 3
    speed = result["metrics"]["speed"]
    assert speed["contestants"]["ours"]["values"] == [10, 20, 30]
    assert (speed["ours"], speed["best_peer"], speed["ratio"]) == ("ours", "peer", 2.5)
    assert result["contestants"]["peer"] == {
        "library": "other", "precision": "int3", "how": "by hand; warmed peer", "difference": 0.0}
    assert result["input"] == "nothing" and result["left_out"] == {}


def test_names_both_where_results_differ(tmp_path):
    wrong = contestant("peer", "other", options={"value": 1.5}, tolerance=0.2)
    with pytest.raises(ValueError, match=r"peer to compute what ours does in the benchmark fake: `result` within 0.2. "
                                         r"Received: difference=0.5"):
        run_benchmark("fake", benchmark(OURS, wrong, log=tmp_path / "log"), BenchmarkConfig(repeats=1))
    assert ["ours", "run"] not in events(tmp_path / "log")


def test_leaves_out_what_is_not_installed(tmp_path):
    lines = []
    missing = contestant("peer", "other", needs=("json", "no_such_package"))
    result = run_benchmark("fake", benchmark(OURS, missing, log=tmp_path / "log"), BenchmarkConfig(repeats=1),
                           report=lines.append)
    reason = "not installed: no_such_package; pip install 'bert_tf[bench]'"
    assert result["left_out"] == {"peer": reason} and lines == [f"fake: without peer: {reason}"]
    assert result["metrics"]["speed"]["best_peer"] is None


@pytest.mark.parametrize("way, reason", [("error", "failed: RuntimeError: out of luck"),
                                         ("exit", "failed: its process ended with 3: last words")])
def test_leaves_out_a_peer_that_fails_but_not_ours(tmp_path, way, reason):
    broken = contestant("peer", "other", options={"fails": way})
    result = run_benchmark("fake", benchmark(OURS, broken, log=tmp_path / "log"), BenchmarkConfig(repeats=2))
    assert result["left_out"] == {"peer": reason}
    assert list(result["metrics"]["speed"]["contestants"]) == ["ours"]
    broken = contestant("ours", "bert_tf", options={"fails": way})
    with pytest.raises(ValueError, match="ours to work in the benchmark fake"):
        run_benchmark("fake", benchmark(broken, log=tmp_path / "log"), BenchmarkConfig(repeats=1))


def test_fresh_turns_have_processes_of_their_own(tmp_path):
    run_benchmark("fake", benchmark(OURS, log=tmp_path / "log", fresh=True, compares="nothing"),
                  BenchmarkConfig(repeats=2))
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [line[1] for line in lines] == ["start", "run"] * 2
    assert len({line[2] for line in lines}) == 2


def test_restarts_processes_where_memory_is_short(tmp_path, monkeypatch):
    monkeypatch.setattr("bert_tf.benchmarks.processes._free_share", lambda: 0.1)
    run_benchmark("fake", benchmark(OURS, PEER, log=tmp_path / "log"), BenchmarkConfig(repeats=1))
    assert events(tmp_path / "log") == [[name, event] for last in ("outputs", "run") for name in ("ours", "peer")
                                        for event in (["start", "outputs", "warm_up"] if last == "outputs" else
                                                      ["start", "warm_up", "run"])]


def test_chooses_contestants(tmp_path):
    compiled = contestant("peer, compiled", "other", compiled=True)
    definition = benchmark(OURS, PEER, compiled, log=tmp_path / "log")
    chosen = {"contestants": "peer", "compiled": True}
    for changes, names in (({}, ["ours", "peer"]), (chosen, ["peer", "peer, compiled"])):
        result = run_benchmark("fake", definition, BenchmarkConfig(repeats=1, **changes))
        assert list(result["contestants"]) == names
    with pytest.raises(ValueError, match="a contestant in the benchmark fake. Received: contestants='nobody'"):
        run_benchmark("fake", definition, BenchmarkConfig(contestants="nobody"))
