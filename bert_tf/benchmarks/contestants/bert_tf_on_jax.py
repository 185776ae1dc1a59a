"""bert_tf's layers, models and losses on JAX, on whatever device JAX finds; TensorFlow is not imported."""

from collections.abc import Sequence
from pathlib import Path

import keras

from bert_tf.benchmarks.batching import Batch, padded, rows_of
from bert_tf.benchmarks.contestants.keras_training import Batches, compile_model, weighted_mean
from bert_tf.config import read_json
from bert_tf.features import split_pretraining
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.weights.hugging_face import read_folder
from bert_tf.weights.hugging_face_config import encoder_config

_LENGTH_MULTIPLE, _SLOTS_MULTIPLE = 64, 8
"""What tokens and masked tokens of a batch are padded to a multiple of: each pair of sizes is compiled for."""


class Trainer:
    """`fit` of a `BertPretrainer`, compiled by JAX."""

    layout = "by_length"

    def __init__(self, job: dict, policy: str):
        self._model = open_pretrainer(job["model"], policy)
        compile_model(self._model, xla=True)

    def prepared(self, batches: Sequence[Batch]) -> keras.utils.PyDataset:
        """What `fit` takes."""
        return Batches([split_pretraining(_of_few_sizes(batch)) for batch in batches])

    def train(self, batches: keras.utils.PyDataset) -> None:
        """A step on each batch."""
        self._model.fit(batches, shuffle=False, verbose=0)

    def losses(self, batch: Batch) -> dict[str, float]:
        """Of each head, without dropout."""
        inputs, labels, weights = split_pretraining(batch)
        losses = self._model.element_losses(labels, self._model.predict_on_batch(inputs))
        return {name: weighted_mean(loss, weights[name]) for name, loss in losses.items()}


def _of_few_sizes(batch: Batch) -> Batch:
    sizes = ((batch["token_ids"].shape[1], _LENGTH_MULTIPLE), (batch["masked_positions"].shape[1], _SLOTS_MULTIPLE))
    return padded(rows_of([batch]), *(-(-size // multiple) * multiple for size, multiple in sizes))


def open_pretrainer(folder: str, policy: str) -> BertPretrainer:
    """The model of one of our folders, as `load_model` opens it, without the tokeniser, which needs TensorFlow."""
    path = Path(folder, "config.json")
    model = BertPretrainer(encoder_config(read_json(path), path), dtype=policy)
    read_folder(Path(folder), model)
    return model
