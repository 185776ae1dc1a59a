"""KerasHub from raw text: its preprocessor in a `tf.data` pipeline."""

from pathlib import Path

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from bert_tf.benchmarks.contestants.keras_hub import compile_model, converted
from bert_tf.data.streams import prefetched

_CHECKED = 4


class Pretrainer:
    """`BertMaskedLMPreprocessor` and the training step of `BertMaskedLM`."""

    def __init__(self, job: dict, policy: str):
        self._job = job
        self._model, preprocessor = converted(job["model"], policy)
        compile_model(self._model)
        length = job["sequence_length"]
        self._preprocessor = keras_hub.models.BertMaskedLMPreprocessor(
            preprocessor.tokenizer, sequence_length=length, mask_selection_rate=0.15,
            mask_selection_length=max(1, round(0.15 * length)))

    def _batches(self) -> tf.data.Dataset:
        texts = tf.data.Dataset.from_generator(self._stretches, output_signature=tf.TensorSpec((), tf.string))
        batches = texts.batch(self._job["batch_size"], drop_remainder=True).map(
            self._preprocessor, num_parallel_calls=tf.data.AUTOTUNE)
        return prefetched(batches)

    def _stretches(self):
        """Sentences joined to as many words as a row has tokens, so that no row has padding."""
        words: list[str] = []
        with Path(self._job["text"]).open(encoding="utf-8") as file:
            for line in file:
                words += line.split()
                if len(words) >= self._job["sequence_length"]:
                    yield " ".join(words)
                    words = []

    def train(self, steps: int) -> int:
        """Steps on the first batches; gives their tokens."""
        tokens = 0
        for inputs, labels, weights in self._batches().take(steps):
            self._model.train_on_batch(inputs, labels, weights)
            tokens += int(np.sum(inputs["padding_mask"]))
        return tokens

    def first_losses(self) -> tuple[float, float]:
        """The mean loss and the share of masked tokens of the first batches."""
        losses, masked, tokens = [], 0.0, 0.0
        for inputs, labels, weights in self._batches().take(_CHECKED):
            logits = tf.cast(self._model(inputs, training=False), tf.float32)
            weights = tf.cast(weights, tf.float32)
            loss = keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
            losses.append(float(np.sum(loss * weights) / np.sum(weights)))
            masked += np.sum(weights)
            tokens += np.sum(inputs["padding_mask"])
        return float(np.mean(losses)), float(masked / tokens)
