"""What a benchmark found, as a picture."""

from pathlib import Path
from typing import Any

from bert_tf.benchmarks.definitions import OURS
from bert_tf.benchmarks.tables import written
from bert_tf.files import whole_file

_OURS, _PEER = "#1b6ca8", "#b8b8b8"


def draw_result(name: str, result: dict[str, Any], path: str | Path) -> None:
    """Draws bars of medians, lines from the lowest to the highest, one panel for each metric, as a PNG.

    Panels whose figures differ more than tenfold have a logarithmic axis.

    Args:
        name: of the benchmark.
        result: of `runner.run_benchmark`.
        path: the PNG; appears whole or not at all.
    """
    # Not pyplot: no window system, no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics, contestants = result["metrics"], result["contestants"]
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = Figure(figsize=(6.5 * columns, rows * (1.1 + 0.34 * len(contestants))), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (metric, values) in zip(panels, metrics.items(), strict=False):
        _draw_metric(axes, metric, values, contestants)
    for axes in panels[len(metrics):]:
        axes.set_visible(False)
    figure.suptitle(f"{name}: {result['about']}\n{result['input']}; {result['threads']} threads", fontsize="medium")
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=110, format="png")


def _draw_metric(axes, metric: str, values: dict[str, Any], contestants: dict[str, Any]) -> None:
    found = values["contestants"]
    medians = [row["median"] for row in found.values()]
    spread = [[row["median"] - row["lowest"] for row in found.values()],
              [row["highest"] - row["median"] for row in found.values()]]
    colours = [_OURS if contestants[who]["library"] == OURS else _PEER for who in found]
    bars = axes.barh(list(found), medians, color=colours, xerr=spread, ecolor="#333333", capsize=2)
    axes.bar_label(bars, [f" {written(median)}" for median in medians], fontsize="small", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    if min(medians) > 0 and max(medians) > 10 * min(medians):
        axes.set_xscale("log")
        axes.set_xlim(min(medians) / 3, max(medians) * 3)
    better = "more is better" if values["larger_is_better"] else "less is better"
    axes.set_title(metric, fontsize="medium")
    axes.set_xlabel(f"{values['unit']} ({better})")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
