"""Raw text to masked pre-training examples, on one core."""

from pathlib import Path

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig

LINES = 40_000
BATCHES = 8192
"""Of ours: a dozen windows, because it always builds the next ones, too."""


def write_lines(config: BenchmarkConfig, folder: Path, lines: int = LINES) -> Path:
    """Writes the first lines of the text to a file, for readers of files."""
    path = folder / "text.txt"
    path.write_text("\n".join(inputs.first_lines(config, 10**9)[:lines]) + "\n", encoding="utf-8")
    return path


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    return {"text": str(write_lines(config, folder)), "vocabulary": str(inputs.vocabulary_file(config)),
            "lowercase": config.lowercase, "sequence_length": config.sequence_length, "seed": config.seed,
            "batches": BATCHES,
            "input": f"{LINES:,} lines, at most {config.sequence_length} tokens an example, next-sentence pairs"}


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config
    ours = "bert_tf.benchmarks.contestants.bert_tf_text"
    google = "Google's script"
    return (
        Contestant("bert_tf, batches", "bert_tf", f"{ours}:BatchBuilder", how="text to masked batches in memory"),
        Contestant("bert_tf, record files", "bert_tf", f"{ours}:RecordBuilder", tolerance=0.1,
                   how="text to record files, which are masked when they are read"),
        Contestant(google, google, "bert_tf.benchmarks.contestants.google_script:Builder", needs=("bert",),
                   tolerance=0.1,
                   how="create_pretraining_data.py of google-research/bert, dupe_factor 1, text to record files"),
    )


EXAMPLES = Benchmark(
    "raw text to masked next-sentence examples, on one core",
    (Metric("examples", "examples/s"), Metric("tokens", "tokens/s that are not padding")), _contestants, _prepare,
    "bert_tf.benchmarks.works.examples:Examples", threads=1)
