"""From the figures of all turns to medians, spreads and ratios."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.benchmarks.definitions import OURS, Contestant, Metric

Turns = Mapping[str, Sequence[float]]
"""Contestant -> its figure in each turn."""


def summarise(metric: Metric, turns: Turns, contestants: Sequence[Contestant]) -> dict[str, Any]:
    """Medians and how they compare.

    Args:
        metric: what the figures are.
        turns: all with as many figures.
        contestants: of `turns`, in the order of tables.

    Returns:
        `unit`; `ours`, the best of ours, and `best_peer`, the best of the others, None where there is none or the
        metric is not for comparing; peers in int8, whose results are others, count only beside one of ours in int8.
        `ratio`, how many times as good ours is as the best peer; and for each of `contestants` the `median`, `lowest`,
        `highest`, `values`, and `ratio`, `ratio_lowest`, `ratio_highest`: of ours to this contestant, each turn
        compared with the same turn, so that a machine that slows down in between does not matter.
    """
    names = [contestant.name for contestant in contestants if contestant.name in turns]
    by_name = {contestant.name: contestant for contestant in contestants}
    own = [name for name in names if by_name[name].library == OURS]
    peers = [name for name in names if by_name[name].library != OURS]
    if not any("int8" in by_name[name].precision for name in own):
        peers = [name for name in peers if "int8" not in by_name[name].precision]
    ours, peer = _best(metric, turns, own), _best(metric, turns, peers) if metric.compared else None
    rows = {name: _row(metric, turns[name], turns.get(ours)) for name in names}
    return {"unit": metric.unit, "larger_is_better": metric.larger_is_better, "ours": ours, "best_peer": peer,
            "ratio": rows[peer].get("ratio") if peer else None, "contestants": rows}


def _best(metric: Metric, turns: Turns, names: Sequence[str]) -> str | None:
    best = max if metric.larger_is_better else min
    return best(names, key=lambda name: statistics.median(turns[name]), default=None)


def _row(metric: Metric, values: Sequence[float], ours: Sequence[float] | None) -> dict[str, Any]:
    row = {"median": statistics.median(values), "lowest": min(values), "highest": max(values), "values": list(values)}
    if ours is not None and all(values) and all(ours):
        ratios = [own / value if metric.larger_is_better else value / own
                  for own, value in zip(ours, values, strict=True)]
        row |= {"ratio": statistics.median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios)}
    return row
