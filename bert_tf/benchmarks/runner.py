"""Runs a benchmark: who is there, do all compute the same, then turns in alternation."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bert_tf.benchmarks.checking import require_agreement
from bert_tf.benchmarks.definitions import OURS, Benchmark, Contestant
from bert_tf.benchmarks.processes import ContestantError, Process, Processes, single_process
from bert_tf.benchmarks.summary import summarise
from bert_tf.config import BenchmarkConfig, require

_PAUSE = 0.2
"""Seconds between two turns, in which threads that still spin go to sleep."""


def run_benchmark(name: str, benchmark: Benchmark, config: BenchmarkConfig,
                  report: Callable[[str], None] = print) -> dict[str, Any]:
    """Measures all contestants that are installed.

    Args:
        name: of the benchmark.
        benchmark: what is done.
        config: the run.
        report: gets a line for whatever is left out.

    Returns:
        `about`, `threads`, `repeats`, `input` (what the job says about it), `contestants` with their `library`,
        `precision`, `how` and `difference` from the first one's outputs, `left_out` with the reasons, and `metrics`
        with what `summary.summarise` returns.

    Raises:
        ValueError: nobody takes part, ours fails, or two contestants compute different results.
    """
    wanted = [contestant for contestant in benchmark.contestants(config)
              if config.takes_part(contestant.name) and (config.compiled or not contestant.compiled)]
    left_out = {contestant.name: reason for contestant in wanted if (reason := missing(contestant))}
    contestants = [contestant for contestant in wanted if contestant.name not in left_out]
    for left, reason in left_out.items():
        report(f"{name}: without {left}: {reason}")
    require(bool(contestants), f"a contestant in the benchmark {name}", contestants=config.contestants)
    threads = min(benchmark.threads or config.threads or 10**6, len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as folder:
        job = benchmark.prepare(config, Path(folder)) | {"folder": folder, "threads": threads}
        measure = _Measurement(name, benchmark, job, threads, report)
        turns, differences = measure.all(contestants, config.repeats)
    left_out |= measure.failed
    contestants = [contestant for contestant in contestants if contestant.name in turns]
    require(bool(contestants), f"a contestant that works in the benchmark {name}", failed=measure.failed)
    return {
        "about": benchmark.about, "threads": threads, "repeats": config.repeats, "input": job.get("input", ""),
        "contestants": {contestant.name: {
            "library": contestant.library, "precision": contestant.precision,
            "how": "; ".join(filter(None, [contestant.how, measure.notes.get(contestant.name, "")])),
            "difference": differences.get(contestant.name)} for contestant in contestants},
        "left_out": left_out,
        "metrics": {metric.name: summarise(
            metric, {who: [turn[metric.name] for turn in figures] for who, figures in turns.items()}, contestants)
            for metric in benchmark.metrics},
    }


def missing(contestant: Contestant) -> str | None:
    """Why a contestant cannot take part."""
    packages = [package for package in contestant.needs if importlib.util.find_spec(package) is None]
    if not packages:
        return None
    return f"not installed: {', '.join(packages)}; pip install 'bert_tf[bench]'"


class _Measurement:
    """One benchmark while it runs.

    Attributes:
        failed: peers whose process failed, and why.
        notes: what contestants tell about how they work.
    """

    def __init__(self, name: str, benchmark: Benchmark, job: dict[str, Any], threads: int,
                 report: Callable[[str], None]):
        self._name, self._benchmark, self._job, self._threads, self._report = name, benchmark, job, threads, report
        self.failed: dict[str, str] = {}
        self.notes: dict[str, str] = {}

    def all(self, contestants: Sequence[Contestant], repeats: int) -> tuple[dict[str, list], dict[str, float]]:
        """The figures of all turns, and how far outputs are off the first contestant's, if they are compared."""
        turns: dict[str, list] = {contestant.name: [] for contestant in contestants}
        with Processes(self._benchmark, self._job, self._threads) as processes:
            differences = self._compared(contestants, processes) if self._benchmark.compares != "nothing" else {}
            for _ in range(repeats):
                for contestant in contestants:
                    if contestant.name not in self.failed:
                        self._guarded(contestant, processes, lambda contestant=contestant: turns[
                            contestant.name].append(self._turn(contestant, processes)))
        return {name: figures for name, figures in turns.items() if name not in self.failed}, differences

    def _compared(self, contestants: Sequence[Contestant], processes: Processes) -> dict[str, float]:
        reference, differences = None, {}
        for contestant in contestants:
            outputs: list[dict] = []
            self._guarded(contestant, processes, lambda contestant=contestant, outputs=outputs: outputs.append(
                self._outputs(contestant, processes)))
            if not outputs:
                continue
            reference = reference or (contestant.name, outputs[0])
            differences[contestant.name] = require_agreement(
                self._name, (reference[0], contestant.name), reference[1], outputs[0], contestant.tolerance,
                angles=self._benchmark.compares == "angles")
        return differences

    def _outputs(self, contestant: Contestant, processes: Processes) -> dict:
        if self._benchmark.fresh:
            with single_process(self._benchmark, contestant, self._job, self._threads) as process:
                return process.ask("outputs")
        process, _ = processes.of(contestant)
        outputs = process.ask("outputs")
        self._warm_up(process, contestant)
        return outputs

    def _turn(self, contestant: Contestant, processes: Processes) -> dict[str, float]:
        if self._benchmark.fresh:
            with single_process(self._benchmark, contestant, self._job, self._threads) as process:
                return process.ask("run")
        process, is_new = processes.of(contestant)
        if is_new:
            self._warm_up(process, contestant)
        time.sleep(_PAUSE)
        return process.ask("run")

    def _warm_up(self, process: Process, contestant: Contestant) -> None:
        """The first run traces and compiles, and does not count."""
        note = process.ask("warm_up")
        if note:
            self.notes[contestant.name] = note

    def _guarded(self, contestant: Contestant, processes: Processes, action: Callable[[], None]) -> None:
        """A peer that fails is left out, with its reason; ours must not fail."""
        try:
            action()
        except ContestantError as error:
            processes.stop(contestant.name)
            require(contestant.library != OURS, f"{contestant.name} to work in the benchmark {self._name}",
                    error=str(error))
            self.failed[contestant.name] = f"failed: {error}"
            self._report(f"{self._name}: without {contestant.name}: {self.failed[contestant.name]}")
