"""What contestants on Keras have in common, whatever its backend is."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.works.train import LEARNING_RATE
from bert_tf.models.task_model import TaskModel

_NAMES = {"masked_positions": "mask_positions"}


class Batches(keras.utils.PyDataset):
    """Ready batches, for `fit`."""

    def __init__(self, batches: Sequence[Any]):
        super().__init__()
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]


def compile_model(model: keras.Model, *, xla: bool = False) -> None:
    """Keras' own AdamW, clipped at 1; the task's loss of our models, else that of masked positions or texts."""
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=0.01, global_clipnorm=1.0)
    if isinstance(model, TaskModel):
        model.compile(optimizer, jit_compile=xla)
    else:
        model.compile(optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                      weighted_metrics=[], jit_compile=xla)


def weighted_mean(losses: Any, weights: np.ndarray) -> float:
    """The mean loss of a batch."""
    return float((keras.ops.convert_to_numpy(losses) * weights).sum() / weights.sum())


def usable_keras_hub(model: keras.Model) -> keras.Model:
    """KerasHub's model without its preprocessor, which `fit` would call, and with a masked-LM head that works.

    KerasHub 0.32 adds a float32 bias to bfloat16 logits, an error on TensorFlow; this adds it in their own precision.
    """
    model.preprocessor = None
    if hasattr(model, "masked_lm_head"):
        model.masked_lm_head._bias = _CastBias(model.masked_lm_head._bias)
    return model


class _CastBias:
    def __init__(self, variable: keras.Variable):
        self._variable = variable

    def __radd__(self, logits: Any) -> Any:
        return logits + keras.ops.cast(self._variable, logits.dtype)


def masked_lm_batch(batch: Batch) -> tuple[dict, np.ndarray, np.ndarray]:
    """Inputs, labels and weights of KerasHub's `BertMaskedLM`; it has no next-sentence head."""
    names = ("token_ids", "segment_ids", "padding_mask", "masked_positions")
    return ({_NAMES.get(name, name): batch[name] for name in names}, batch["masked_labels"], batch["masked_weights"])
