"""bert_tf from raw text."""

import numpy as np
import tensorflow as tf

import bert_tf
from bert_tf.benchmarks.contestants.bert_tf_models import weighted_losses
from bert_tf.benchmarks.works.train import LEARNING_RATE
from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data.pipelines import pretraining_dataset
from bert_tf.training.optimizer import AdamW

_CHECKED = 4


class Pretrainer:
    """`pretraining_dataset` and `fit`."""

    def __init__(self, job: dict, policy: str):
        self._model = bert_tf.load_model(job["model"], dtype=policy)
        self._model.compile(AdamW(LEARNING_RATE))
        self._model.count_tokens()
        self._job = job

    def _batches(self):
        return pretraining_dataset([self._job["text"]], self._model.tokenizer, ExampleConfig(
            self._job["sequence_length"], "mlm"), MaskingConfig(), batch_size=self._job["batch_size"],
            seed=self._job["seed"])

    def train(self, steps: int) -> int:
        """Steps on the first batches; gives their tokens."""
        batches = self._batches().take(steps).apply(tf.data.experimental.assert_cardinality(steps))
        history = self._model.fit(batches, shuffle=False, verbose=0).history
        return int(history["tokens"][-1])

    def first_losses(self) -> tuple[float, float]:
        """The mean loss and the share of masked tokens of the first batches."""
        batches = list(self._batches().take(_CHECKED).as_numpy_iterator())
        losses = [weighted_losses(self._model, *batch)["masked_lm"] for batch in batches]
        masked = sum(weights["masked_lm"].sum() for _, _, weights in batches)
        return float(np.mean(losses)), float(masked / sum(inputs["padding_mask"].sum() for inputs, _, _ in batches))
