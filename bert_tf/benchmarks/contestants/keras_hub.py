"""KerasHub on TensorFlow: training steps and the encoder."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

import bert_tf
from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.contestants.keras_training import compile_model, masked_lm_batch, usable_keras_hub
from bert_tf.data.streams import ending_at_once
from bert_tf.weights.keras_hub import to_keras_hub


def converted(folder: str, policy: str) -> tuple[keras.Model, keras.layers.Layer | None]:
    """KerasHub's model with the weights of one of our folders, and its preprocessor, if it has one.

    Its GELU is the tanh form whatever the folder says.
    """
    keras.config.set_dtype_policy(policy)
    model = to_keras_hub(bert_tf.load_model(folder), allow_approximate=True)
    preprocessor = getattr(model, "preprocessor", None)
    return usable_keras_hub(model), preprocessor


class _KerasTrainer:
    """`fit`."""

    def __init__(self, job: dict, layout: str, policy: str, xla: bool = False):
        self.layout = layout
        self._model, _ = converted(job["model"], policy)
        compile_model(self._model, xla=xla)

    def prepared(self, batches: Sequence[Batch]) -> tf.data.Dataset:
        """What `fit` takes."""
        elements = [self._split(batch) for batch in batches]
        signature = tf.nest.map_structure(
            lambda values: tf.TensorSpec(values.shape if self.layout == "fixed" else (None,) * values.ndim,
                                         values.dtype), elements[0])
        dataset = tf.data.Dataset.from_generator(lambda: iter(elements), output_signature=signature)
        return ending_at_once(dataset.apply(tf.data.experimental.assert_cardinality(len(elements))))

    def train(self, batches: tf.data.Dataset) -> None:
        """A step on each batch."""
        self._model.fit(batches, shuffle=False, verbose=0)

    def losses(self, batch: Batch) -> dict[str, float]:
        """Of the head, without dropout."""
        inputs, labels, weights = self._split(batch)
        logits = tf.cast(self._model(inputs, training=False), tf.float32)
        losses = keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True).numpy()
        return {self._head: float((losses * weights).sum() / weights.sum())}


class MaskedLmTrainer(_KerasTrainer):
    """`BertMaskedLM`; KerasHub has no next-sentence head."""

    _head = "masked_lm"

    _split = staticmethod(masked_lm_batch)


class ClassifierTrainer(_KerasTrainer):
    """`BertTextClassifier`."""

    _head = "logits"

    @staticmethod
    def _split(batch: Batch) -> tuple[dict, np.ndarray, np.ndarray]:
        names = ("token_ids", "segment_ids", "padding_mask")
        return {name: batch[name] for name in names}, batch["label"], np.ones(len(batch["label"]), np.float32)


def encoder(job: dict, policy: str, xla: bool = False) -> Callable[[Batch], np.ndarray]:
    """From features to the sequence output, in graph mode."""
    model, _ = converted(job["model"], policy)
    names = ("token_ids", "segment_ids", "padding_mask")
    function = tf.function(lambda features: model(features, training=False)["sequence_output"], autograph=False,
                           reduce_retracing=not xla, jit_compile=xla)
    return lambda features: function({name: tf.constant(features[name]) for name in names}).numpy().astype(np.float32)
