"""What a benchmark found, as tables for the terminal."""

from typing import Any

from bert_tf.reports.tables import print_table


def print_result(name: str, result: dict[str, Any]) -> None:
    """Prints a table for each metric and, where a peer took part, how ours compares with the best of them.

    Args:
        name: of the benchmark.
        result: of `runner.run_benchmark`.
    """
    print(f"\n{name}: {result['about']}; {result['input']}; {result['threads']} "
          f"thread{'s' if result['threads'] > 1 else ''}, {result['repeats']} turns")
    for metric, values in result["metrics"].items():
        _print_metric(f"{name}: {metric}", values, result["contestants"])
    for who, contestant in result["contestants"].items():
        if contestant["how"]:
            print(f"  {who}: {contestant['how']}")
    for who, reason in result["left_out"].items():
        print(f"  without {who}: {reason}")


def _print_metric(title: str, values: dict[str, Any], contestants: dict[str, Any]) -> None:
    rows = [(who, contestants[who]["precision"] or "-", written(row["median"]),
             f"{written(row['lowest'])} to {written(row['highest'])}", _off(contestants[who]),
             f"{row['ratio']:.2f}x" if "ratio" in row else "-")
            for who, row in values["contestants"].items()]
    print_table((values["unit"], "precision", "median", "spread", "off by", "ours is"), rows, title=title)
    if values["best_peer"] and values["ours"]:
        print(f"  {values['ours']}: {values['ratio']:.2f} times as good as {values['best_peer']}, the best peer\n")


def written(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _off(contestant: dict[str, Any]) -> str:
    """How far its results are off the first one's."""
    return "-" if contestant["difference"] is None else f"{contestant['difference']:.1g}"
