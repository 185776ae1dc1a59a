"""Imports."""

from pathlib import Path

from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig

_HOME = "bert_tf.benchmarks.contestants.start_up"


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    del config, folder
    return {"input": "fresh processes, files in the system's cache"}


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config
    return (
        Contestant("bert_tf, load_model", "bert_tf", f"{_HOME}:load_model", how="beside TensorFlow"),
        Contestant("bert_tf, all public names", "bert_tf", f"{_HOME}:all_names", how="beside TensorFlow"),
        Contestant("Transformers", "Transformers", f"{_HOME}:transformers", {}, ("torch", "transformers"),
                   how="BertModel and AutoTokenizer, beside PyTorch"),
        Contestant("KerasHub", "KerasHub", f"{_HOME}:keras_hub", {}, ("keras_hub",), how="beside TensorFlow"),
    )


IMPORT = Benchmark(
    "importing a library beyond its framework's own import",
    (Metric("beyond the framework", "s", larger_is_better=False),
     Metric("framework", "s", larger_is_better=False, compared=False)),
    _contestants, _prepare, "bert_tf.benchmarks.works.fresh:Start", fresh=True, compares="nothing")
