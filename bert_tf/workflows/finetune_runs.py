"""Several fine-tuning runs: one for each seed and each combination of a grid, and which of them is the best."""

import dataclasses
import itertools
import math
import shutil
import statistics
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from bert_tf.config import FinetuningConfig, require
from bert_tf.files import whole_file
from bert_tf.reports.json_file import write_json
from bert_tf.training.divergence import DivergedError

TUNABLE = ("learning_rate", "batch_size", "epochs", "warmup_rate", "weight_decay", "dropout", "layer_decay",
           "lora_rank", "freeze", "max_length", "init")
"""What a grid may vary."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        config: its own, without `seeds` and `grid`.
        settings: what sets it apart from others but for the seed.
        folder: its name below the folder of all runs.
    """

    config: FinetuningConfig
    settings: dict[str, Any]
    folder: str


def planned_runs(config: FinetuningConfig) -> list[Run]:
    """The runs that a configuration asks for, those of one setting after the other.

    Raises:
        ValueError: a grid that cannot be read, or with a value that the configuration refuses.
    """
    runs = []
    for settings in _combinations(parse_grid(config.grid or "")):
        for seed in range(config.seed, config.seed + config.seeds):
            one = dataclasses.replace(config, **settings, seed=seed, seeds=1, grid=None)
            parts = [*(f"{name}={str(value).replace('/', '_')}" for name, value in settings.items()), f"seed={seed}"]
            runs.append(Run(one, settings, ",".join(parts)))
    return runs


def parse_grid(text: str) -> dict[str, list]:
    """Reads `learning_rate=2e-5,3e-5;batch_size=16,32`.

    Raises:
        ValueError: names what is wrong.
    """
    grid: dict[str, list] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, values = (piece.strip() for piece in part.partition("="))
        require(name in TUNABLE, f"`grid` to vary some of {', '.join(TUNABLE)}", name=name)
        require(name not in grid and values != "", "each name in `grid` once, with values", part=part)
        grid[name] = [_value(name, value.strip()) for value in values.split(",")]
        require(len(set(grid[name])) == len(grid[name]), f"different values of {name} in `grid`", values=values)
    return grid


def finish_runs(config: FinetuningConfig, runs: Sequence[Run], output_dir: Path,
                carry_out: Callable[[Run], dict]) -> dict:
    """Carries all runs out, compares them, and puts the files of the best one in `output_dir`.

    A run whose loss is not a number any more counts as failed, and the others go on.

    Args:
        config: of all runs together.
        runs: from `planned_runs`.
        output_dir: of all runs together.
        carry_out: gives the report of a run and leaves its files in its folder.

    Returns:
        The report of the best run, with the comparison under `runs`.

    Raises:
        DivergedError: every run failed.
    """
    write_json(dataclasses.asdict(config), output_dir / "run.json")
    reports: dict[str, dict | None] = {}
    for number, run in enumerate(runs, start=1):
        logging.info("Run %d of %d: %s", number, len(runs), run.folder)
        try:
            reports[run.folder] = carry_out(run)
        except DivergedError as error:
            logging.error("%s: %s", run.folder, error)
            reports[run.folder] = None
        write_json(compare(runs, reports), output_dir / "runs.json")
    comparison = compare(runs, reports)
    if comparison["best"] is None:
        raise DivergedError(f"Expected at least one run that does not diverge. Received: {len(runs)} that do.")
    best = output_dir / comparison["best"]
    # What says that the folder holds a model comes last.
    for path in sorted(best.iterdir(), key=lambda path: path.name == "config.json"):
        if path.is_dir():
            shutil.copytree(path, output_dir / path.name, dirs_exist_ok=True)
            continue
        with whole_file(output_dir / path.name) as unfinished:
            shutil.copyfile(path, unfinished)
    report = reports[comparison["best"]] | {"runs": comparison}
    write_json(report, output_dir / "report.json")
    return report


def compare(runs: Sequence[Run], reports: dict[str, dict | None]) -> dict[str, Any]:
    """Mean, standard deviation over the seeds and best value of the main metric for each setting.

    Args:
        runs: all of them.
        reports: of those that are done, by folder; None for a failed one.
    """
    done = [run for run in runs if reports.get(run.folder)]
    if not done:
        return {"main_metric": None, "settings": [], "best": None}
    metric = reports[done[0].folder]["main_metric"]
    values = {run.folder: reports[run.folder]["metrics"][metric] for run in done}
    settings = []
    for _, group in itertools.groupby(runs, key=lambda run: run.settings):
        group = [run for run in group if run.folder in reports]
        known = [values[run.folder] for run in group if run.folder in values]
        if group:
            settings.append({
                **group[0].settings,
                "mean": statistics.fmean(known) if known else None,
                "deviation": statistics.stdev(known) if len(known) > 1 else None,
                "best": max(known, default=None),
                "runs": [{"folder": run.folder, "seed": run.config.seed,
                          "metrics": reports[run.folder]["metrics"] if run.folder in values else None}
                         for run in group],
            })
    best = max(values, key=lambda folder: (-math.inf if math.isnan(values[folder]) else values[folder]))
    return {"main_metric": metric, "settings": settings, "best": best}


def _combinations(grid: dict[str, list]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _value(name: str, text: str) -> Any:
    kind = typing.get_type_hints(FinetuningConfig)[name]
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"Expected values of `{name}` in `grid` to be of type {kind.__name__}. "
                         f"Received: {text!r}.") from None
