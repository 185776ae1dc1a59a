"""Memory for building examples, against the size of the text."""

from pathlib import Path

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig

_BYTES = 1_000_000
_COPIES = 20
_BATCHES = 2000


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    lines = inputs.first_lines(config, _BYTES)
    texts = {copies: str(_write_copies(lines, copies, folder)) for copies in (1, _COPIES)}
    return {"texts": texts, "vocabulary": str(inputs.vocabulary_file(config)), "lowercase": config.lowercase,
            "sequence_length": config.sequence_length, "seed": config.seed, "batches": _BATCHES,
            "input": f"{_BYTES / 1e6:g} MB of text and {_COPIES} times as much, next-sentence pairs"}


def _write_copies(lines: list[str], copies: int, folder: Path) -> Path:
    """Repeats the text, each time with another word at the end of every sentence."""
    path = folder / f"text_{copies}.txt"
    with path.open("w", encoding="utf-8") as file:
        for copy in range(copies):
            file.writelines(f"{line} {copy}\n" if line.strip() else "\n" for line in lines)
            file.write("\n")
    return path


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config
    make, google = "bert_tf.benchmarks.contestants.memory:measure", "Google's script"
    return (
        Contestant("bert_tf, batches", "bert_tf", make, {"builder": "bert_tf_text:BatchBuilder"},
                   how=f"{_BATCHES:,} batches of 32"),
        Contestant("bert_tf, record files", "bert_tf", make, {"builder": "bert_tf_text:RecordBuilder"}),
        Contestant(google, google, make, {"builder": "google_script:Builder"}, ("bert",)),
    )


MEMORY = Benchmark(
    "the most memory that building examples takes, libraries included",
    (Metric("20 times the text", "MB", larger_is_better=False), Metric("the text", "MB", larger_is_better=False)),
    _contestants, _prepare, "bert_tf.benchmarks.works.fresh:Memory", threads=1, compares="nothing")
