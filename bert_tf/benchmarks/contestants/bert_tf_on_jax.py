"""bert_tf's layers, models and losses on JAX; TensorFlow is not imported."""

from collections.abc import Sequence

import keras

from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.works.train import LEARNING_RATE
from bert_tf.config import EncoderConfig
from bert_tf.features import split_pretraining
from bert_tf.models.pretrainer import BertPretrainer


class Trainer:
    """`fit` of a `BertPretrainer`, compiled by JAX."""

    layout = "fixed"

    def __init__(self, job: dict, policy: str):
        self._model = BertPretrainer(EncoderConfig.from_dict(job["encoder"]), dtype=policy)
        self._model.load_weights(job["weights"])
        self._model.compile(keras.optimizers.AdamW(LEARNING_RATE, weight_decay=0.01, global_clipnorm=1.0),
                            jit_compile=True)

    def prepared(self, batches: Sequence[Batch]) -> keras.utils.PyDataset:
        """What `fit` takes."""
        return _Batches([split_pretraining(batch) for batch in batches])

    def train(self, batches: keras.utils.PyDataset) -> None:
        """A step on each batch."""
        self._model.fit(batches, verbose=0)

    def losses(self, batch: Batch) -> dict[str, float]:
        """Of each head, without dropout."""
        inputs, labels, weights = split_pretraining(batch)
        losses = self._model.element_losses(labels, self._model(inputs, training=False))
        return {name: float((keras.ops.convert_to_numpy(loss) * weights[name]).sum() / weights[name].sum())
                for name, loss in losses.items()}


class _Batches(keras.utils.PyDataset):
    def __init__(self, batches: list):
        super().__init__()
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int):
        return self._batches[index]
