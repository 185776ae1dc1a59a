"""bert_tf's models: training steps and the encoder."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

import bert_tf
from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.works.train import LEARNING_RATE
from bert_tf.data.streams import ending_at_once
from bert_tf.export.frozen import FrozenModel
from bert_tf.export.parallel import ParallelModel
from bert_tf.features import ENCODER_INPUTS, split_pretraining
from bert_tf.training.optimizer import AdamW


class Trainer:
    """`fit` of a `BertPretrainer` or a `BertClassifier`.

    Args:
        job: `model`.
        policy: Keras dtype policy.
        layout: of the batches.
        xla: compile forward and backward pass.
    """

    def __init__(self, job: dict, policy: str, layout: str, xla: bool = False):
        self.layout = layout
        self._model = bert_tf.load_model(job["model"], dtype=policy)
        self._model.compile(AdamW(LEARNING_RATE), jit_compile=xla or "auto")

    def prepared(self, batches: Sequence[Batch]) -> tf.data.Dataset:
        """What `fit` takes."""
        elements = [_split(batch) for batch in batches]
        signature = tf.nest.map_structure(
            lambda values: tf.TensorSpec((None,) * values.ndim, values.dtype), elements[0])
        dataset = tf.data.Dataset.from_generator(lambda: iter(elements), output_signature=signature)
        return ending_at_once(dataset.apply(tf.data.experimental.assert_cardinality(len(elements))))

    def train(self, batches: tf.data.Dataset) -> None:
        """A step on each batch."""
        self._model.fit(batches, shuffle=False, verbose=0)

    def losses(self, batch: Batch) -> dict[str, float]:
        """Of each head, without dropout."""
        return weighted_losses(self._model, *_split(batch))


def weighted_losses(model, inputs: dict, labels: dict, weights: dict) -> dict[str, float]:
    """The mean loss of each head without dropout."""
    losses = model.element_losses(labels, model(inputs, training=False))
    return {name: float(np.sum(np.asarray(loss) * weights[name]) / np.sum(weights[name]))
            for name, loss in losses.items()}


def _split(batch: Batch) -> tuple[dict, dict, dict]:
    if "label" not in batch:
        return split_pretraining(batch)
    return ({name: batch[name] for name in ENCODER_INPUTS}, {"logits": batch["label"]},
            {"logits": np.ones(len(batch["label"]), np.float32)})


def encoder(job: dict, policy: str, xla: bool = False, frozen: bool = False,
            parts: int = 1) -> Callable[[Batch], np.ndarray]:
    """From features to the sequence output, in graph mode.

    Args:
        job: `model`.
        policy: Keras dtype policy.
        xla: compile it.
        frozen: as `scripts/export.py` does it in bfloat16.
        parts: side by side, as `scripts/export.py` does it in float32.
    """
    model = bert_tf.load_model(job["model"], dtype=policy)
    if frozen:
        model = FrozenModel(model)
    if parts > 1:
        model = ParallelModel(model, parts)
    specs = {name: tf.TensorSpec((None, None), tf.int32) for name in ENCODER_INPUTS}
    function = tf.function(lambda features: model(features, training=False)["sequence_output"], autograph=False,
                           input_signature=None if xla else [specs], jit_compile=xla)
    return lambda features: function({name: tf.constant(features[name]) for name in ENCODER_INPUTS}).numpy()
