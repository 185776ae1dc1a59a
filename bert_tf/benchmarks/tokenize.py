"""Text to ids."""

from pathlib import Path

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig

_BYTES = 2_400_000


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    del folder
    return {"lines": inputs.first_lines(config, _BYTES), "vocabulary": str(inputs.vocabulary_file(config)),
            "lowercase": config.lowercase, "input": f"{_BYTES / 1e6} MB of text, line by line"}


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config
    home = "bert_tf.benchmarks.contestants"
    ours, theirs = f"{home}.bert_tf_text:Tokenizer", f"{home}.tokenizers:Tokenizer"
    name = "Hugging Face tokenizers"
    return (
        Contestant("bert_tf", "bert_tf", ours),
        Contestant("bert_tf, with offsets", "bert_tf", ours, {"with_offsets": True}, how="also byte offsets"),
        Contestant(name, name, theirs, needs=("tokenizers",), how="encode_batch, with offsets"),
        Contestant(f"{name}, fast", name, theirs, {"fast": True}, ("tokenizers",), how="encode_batch_fast, no offsets"),
    )


TOKENIZE = Benchmark("text to ids, the same ids", (Metric("text to ids", "MB/s"),), _contestants, _prepare,
                     "bert_tf.benchmarks.works.tokenize:Tokenize")
