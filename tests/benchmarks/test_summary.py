import pytest

from bert_tf.benchmarks.definitions import Contestant, Metric
from bert_tf.benchmarks.summary import summarise

CONTESTANTS = [Contestant("a", "bert_tf", ""), Contestant("b", "bert_tf", ""), Contestant("c", "peer", ""),
               Contestant("d", "peer", ""), Contestant("absent", "peer", "")]


def test_compares_the_best_of_ours_turn_by_turn():
    turns = {"a": [1.0, 1.0, 1.0], "b": [4.0, 6.0, 20.0], "c": [2.0, 2.0, 10.0], "d": [1.0, 3.0, 2.0]}
    summary = summarise(Metric("speed", "m/s"), turns, CONTESTANTS)
    assert (summary["ours"], summary["best_peer"], summary["ratio"]) == ("b", "c", 2.0)
    row = summary["contestants"]["d"]
    assert (row["median"], row["lowest"], row["highest"]) == (2.0, 1.0, 3.0)
    assert (row["ratio"], row["ratio_lowest"], row["ratio_highest"]) == (4.0, 2.0, 10.0)
    assert list(summary["contestants"]) == ["a", "b", "c", "d"]


def test_ratios_of_times_say_how_many_times_as_fast():
    summary = summarise(Metric("time", "s", larger_is_better=False), {"a": [2.0], "b": [3.0], "c": [5.0], "d": [9.0]},
                        CONTESTANTS)
    assert (summary["ours"], summary["best_peer"], summary["ratio"]) == ("a", "c", 2.5)
    assert summary["contestants"]["b"]["ratio"] == 1.5


def test_there_may_be_nobody_to_compare_with():
    summary = summarise(Metric("speed", "m/s"), {"c": [1.0]}, CONTESTANTS)
    assert summary["ours"] is None and summary["ratio"] is None and "ratio" not in summary["contestants"]["c"]
    summary = summarise(Metric("speed", "m/s"), {"a": [1.0]}, CONTESTANTS)
    assert summary["best_peer"] is None and summary["contestants"]["a"]["ratio"] == pytest.approx(1)


def test_peers_in_int8_count_beside_one_of_ours_in_int8_only():
    turns = {"a": [1.0], "c": [2.0], "q": [5.0]}
    peers = [Contestant("c", "peer", ""), Contestant("q", "peer", "", precision="int8")]
    summary = summarise(Metric("speed", "m/s"), turns, [Contestant("a", "bert_tf", ""), *peers])
    assert (summary["best_peer"], summary["ratio"]) == ("c", 0.5) and summary["contestants"]["q"]["ratio"] == 0.2
    ours = Contestant("a", "bert_tf", "", precision="int8 weights")
    summary = summarise(Metric("speed", "m/s"), turns, [ours, *peers])
    assert (summary["best_peer"], summary["ratio"]) == ("q", 0.2)


def test_a_metric_that_only_explains_has_no_best_peer():
    summary = summarise(Metric("speed", "m/s", compared=False), {"a": [1.0], "c": [2.0]}, CONTESTANTS)
    assert summary["best_peer"] is None and summary["ratio"] is None
