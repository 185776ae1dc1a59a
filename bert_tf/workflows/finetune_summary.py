"""What fine-tuning and evaluation print when they are done."""

import shlex
from pathlib import Path
from typing import Any

from bert_tf.reports.tables import print_table

_SHOWN_HARDEST = 5
_LONGEST_TEXT = 160
_PREDICT = {"tagging": 'tag --model={} "Ann Lee lives in Paris."',
            "question_answering": 'answer --model={} --context="It was written by Ann Lee." "Who wrote it?"',
            "multiple_choice": 'choose --model={} --context="He opened the door" "and went in." "and ate it."',
            "embedding": 'similar --model={} --input=sentences.txt "A query."'}


def print_summary(report: dict, output_dir: str | Path) -> None:
    """Prints the metrics, the runs if there are several, and where everything is."""
    if "runs" in report:
        print_runs(report["runs"])
    print_scores(report, title=f"{report['task']}: the best evaluation, at step {report['best']['step']:,} of "
                               f"{report['steps']:,}")
    print(f"{report['examples_per_second']:,.1f} examples/s, {report['padding_share']:.1%} padding, "
          f"{report['seconds']['total'] / 60:.1f} minutes in all\n")
    classify = 'classify --model={} --second="A second text." "A text."' if report.get("text_pairs") else (
        'classify --model={} "A text."')
    command = _PREDICT.get(report["task"], classify).format(shlex.quote(str(output_dir)))
    print(f"Model, report.json, hardest.tsv and predictions are in {output_dir}. Try it:\n\n"
          f"  python scripts/predict.py {command}\n")


def print_scores(report: dict[str, Any], title: str) -> None:
    """Tables of the metrics, of those by label or entity type, and of the hardest examples."""
    if not report["metrics"]:
        print(f"{title}: no right answers to compare with\n")
        return
    print_table(("", ""), [(name, value) for name, value in report["metrics"].items()], title=title)
    for name in ("types", "labels"):
        if name in report:
            print_table((name.removesuffix("s"), "precision", "recall", "f1", "support"),
                        [(key, row["precision"], row["recall"], row["f1"], row["support"])
                         for key, row in report[name].items()])
    for source, metrics in report.get("other_metrics", {}).items():
        print_table(("", ""), list(metrics.items()), title=source)
    rows = [row for row in report["hardest"][:_SHOWN_HARDEST] if row["loss"] > 0]
    if rows:
        print_table(("loss", "right", "predicted", "text"), [
            (row["loss"], _short(row["gold"]), _short(row["predicted"]), _short(_text(row))) for row in rows],
            title="The hardest examples")


def print_runs(comparison: dict[str, Any]) -> None:
    """A row for each setting."""
    names = [name for name in comparison["settings"][0] if name not in ("mean", "deviation", "best", "runs")]
    rows = [(*(str(setting[name]) for name in names), len(setting["runs"]),
             *("" if setting[name] is None else f"{setting[name]:.4f}" for name in ("mean", "deviation", "best")))
            for setting in comparison["settings"]]
    print_table((*names, "seeds", "mean", "deviation", "best"), rows,
                title=f"{comparison['main_metric']}; the best run is {comparison['best']}")


def _text(row: dict[str, Any]) -> str:
    return " | ".join(str(row[name]) for name in ("question", "context", "text", "second_text") if name in row)


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
