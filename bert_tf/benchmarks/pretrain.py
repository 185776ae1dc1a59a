"""Pre-training from raw text, end to end."""

from pathlib import Path
from typing import Any

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.definitions import TRAINING_ENVIRONMENT, Benchmark, Contestant, Metric
from bert_tf.benchmarks.examples import write_lines
from bert_tf.config import BenchmarkConfig
from bert_tf.models.pretrainer import BertPretrainer

_STEPS_FACTOR = 5
"""Turns are as many times as long as those on ready batches, because each begins with opening the text."""


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config

    def contestant(library: str, mode: str, module: str, how: str, needs=(), **options: Any) -> Contestant:
        return Contestant(f"{library}, {mode}", library, f"bert_tf.benchmarks.contestants.pretrain_{module}:Pretrainer",
                          options, needs, "float32" if mode == "float32" else "bfloat16", how, 0.05,
                          environment=TRAINING_ENVIRONMENT)

    ours = "its pipeline: sentences to whole examples, batches of like length"
    theirs = "as its example run_mlm: sentences joined and cut to the full length, no padding, masked by its collator"
    hub = "stretches of the text through BertMaskedLMPreprocessor"
    torch = ("torch", "transformers")
    return (
        contestant("bert_tf", "float32", "bert_tf", ours, policy="float32"),
        contestant("bert_tf", "mixed_bfloat16", "bert_tf", ours, policy="mixed_bfloat16"),
        contestant("Transformers", "float32", "transformers", theirs, torch),
        contestant("Transformers", "bfloat16 autocast", "transformers", theirs, torch, bfloat16=True),
        contestant("KerasHub", "float32", "keras_hub", hub, ("keras_hub",), policy="float32"),
        contestant("KerasHub", "mixed_bfloat16", "keras_hub", hub, ("keras_hub",), policy="mixed_bfloat16"),
    )


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    steps = config.steps * _STEPS_FACTOR
    return {"text": str(write_lines(config, folder)), "vocabulary": str(inputs.vocabulary_file(config)),
            "lowercase": config.lowercase, "sequence_length": config.sequence_length, "seed": config.seed,
            "batch_size": config.batch_size, "steps": steps,
            "model": str(inputs.random_model(BertPretrainer, config, folder, next_sentence=False)),
            "input": f"BERT {config.size}, masked LM only, {steps} steps of {config.batch_size} examples of at most "
                     f"{config.sequence_length} tokens, from opening the text on"}


PRETRAIN = Benchmark(
    "raw text to trained steps, end to end", (Metric("tokens", "tokens/s that are not padding"),), _contestants,
    _prepare, "bert_tf.benchmarks.works.pretrain:Pretrain")
