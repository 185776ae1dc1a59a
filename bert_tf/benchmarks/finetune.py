"""Fine-tuning steps on SST-2."""

from pathlib import Path

import numpy as np

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.batching import save_layouts
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.benchmarks.train_step import training_contestants
from bert_tf.config import BenchmarkConfig, require
from bert_tf.data.finetuning import classification_examples
from bert_tf.models.classifier import BertClassifier

_MOST_EXAMPLES = 4000
_LABELS = ("0", "1")
_BATCH_FACTOR = 4
"""Batches are as many times as large as in pre-training: texts are short, and 32 is the paper's."""


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    home = "bert_tf.benchmarks.contestants"
    del config
    return training_contestants(f"{home}.bert_tf_models:Trainer", f"{home}.keras_hub:ClassifierTrainer",
                                f"{home}.transformers:ClassifierTrainer", transformers_layout="by_length")


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    batch_size = _BATCH_FACTOR * config.batch_size
    examples = inputs.sst2_examples(config)[:_MOST_EXAMPLES]
    require(len(examples) >= batch_size, "examples of SST-2 for a batch", examples=len(examples), batch=batch_size)
    # No smaller batch at the end.
    encoded = classification_examples(examples[:len(examples) // batch_size * batch_size], inputs.tokenizer(config),
                                      labels=_LABELS, max_length=config.sequence_length)
    batches = [{**features, "label": labels["logits"]} for features, labels, _ in encoded.training_batches(
        batch_size, seed=config.seed).take(config.steps).as_numpy_iterator()]
    longest = int(np.ceil(max(encoded.lengths) / 8) * 8)
    tokens = save_layouts(batches, folder / "batches.npz", length=longest, seed=config.seed)
    return {"batches": str(folder / "batches.npz"), "tokens": tokens, "examples": config.steps * batch_size,
            "model": str(inputs.random_model(BertClassifier, config, folder, labels=_LABELS)),
            "input": f"BERT {config.size}, {config.steps} steps of {batch_size} examples of SST-2, AdamW, "
                     "dropout 0.1"}


FINETUNE = Benchmark(
    "fine-tuning steps on SST-2, the same examples",
    (Metric("examples", "examples/s"), Metric("tokens", "tokens/s that are not padding")), _contestants, _prepare,
    "bert_tf.benchmarks.works.train:TrainSteps")
