"""KerasHub's masked language model on JAX."""

from collections.abc import Sequence

import keras

from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.contestants.bert_tf_on_jax import open_pretrainer
from bert_tf.benchmarks.contestants.keras_training import (
    Batches,
    compile_model,
    masked_lm_batch,
    usable_keras_hub,
    weighted_mean,
)
from bert_tf.objectives.losses import cross_entropy
from bert_tf.weights.keras_hub import to_keras_hub


class MaskedLmTrainer:
    """`fit` of `BertMaskedLM`, compiled by JAX; KerasHub has no next-sentence head."""

    layout = "fixed"

    def __init__(self, job: dict, policy: str):
        keras.config.set_dtype_policy(policy)
        ours = open_pretrainer(job["model"], policy)
        ours.tokenizer = None
        self._model = usable_keras_hub(to_keras_hub(ours, allow_approximate=True))
        compile_model(self._model, xla=True)

    def prepared(self, batches: Sequence[Batch]) -> keras.utils.PyDataset:
        """What `fit` takes."""
        return Batches([masked_lm_batch(batch) for batch in batches])

    def train(self, batches: keras.utils.PyDataset) -> None:
        """A step on each batch."""
        # Its own `fit` takes no `PyDataset`, and without a preprocessor adds nothing.
        keras.Model.fit(self._model, batches, shuffle=False, verbose=0)

    def losses(self, batch: Batch) -> dict[str, float]:
        """Of its head, without dropout."""
        inputs, labels, weights = masked_lm_batch(batch)
        return {"masked_lm": weighted_mean(cross_entropy(labels, self._model.predict_on_batch(inputs)), weights)}
