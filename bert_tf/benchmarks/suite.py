"""Several benchmarks in one run: the work of `scripts/benchmark.py`."""

import dataclasses
import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bert_tf.benchmarks.chart import draw_result
from bert_tf.benchmarks.definitions import Benchmark
from bert_tf.benchmarks.registry import BENCHMARKS
from bert_tf.benchmarks.runner import run_benchmark
from bert_tf.benchmarks.tables import print_result
from bert_tf.config import BenchmarkConfig, require
from bert_tf.reports.json_file import versions, write_json

_PEERS = ("torch", "transformers", "keras-hub", "onnxruntime", "tokenizers", "bert-tensorflow", "jax",
          "ai-edge-litert")


def run_benchmarks(names: Sequence[str], config: BenchmarkConfig, output_dir: str | Path,
                   benchmarks: Mapping[str, Benchmark] = BENCHMARKS) -> dict[str, Any]:
    """Runs benchmarks one after the other, prints their tables and saves all figures.

    Args:
        names: of `benchmarks`; all of them if there are none.
        config: the run.
        output_dir: gets `benchmark.json`, rewritten after each benchmark, and a picture `NAME.png` of each.
        benchmarks: by name.

    Returns:
        What `benchmark.json` holds: `versions`, `machine`, `config`, and the results by name under `benchmarks`.

    Raises:
        ValueError: a name is wrong, input is missing, or contestants compute different results.
    """
    unknown = [name for name in names if name not in benchmarks]
    require(not unknown, f"benchmarks out of {', '.join(benchmarks)}", unknown=unknown)
    output_dir = Path(output_dir)
    results: dict[str, Any] = {"versions": versions() | _peers(), "machine": _machine(),
                               "config": dataclasses.asdict(config), "benchmarks": {}}
    for name in names or benchmarks:
        result = run_benchmark(name, benchmarks[name], config)
        results["benchmarks"][name] = result
        print_result(name, result)
        output_dir.mkdir(parents=True, exist_ok=True)
        write_json(results, output_dir / "benchmark.json")
        draw_result(name, result, output_dir / f"{name}.png")
    print(f"written to {output_dir}: benchmark.json and a picture of each benchmark")
    return results


def _peers() -> dict[str, str]:
    """The versions of what is installed."""
    found = {}
    for name in _PEERS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {"processor": model, "cpus": len(os.sched_getaffinity(0)), "system": platform.platform()}
