"""BertClassifier: one answer about a text or a pair of texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig, require
from bert_tf.features import ENCODER_INPUTS
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.feature_model import config_and_policy, symbolic_inputs
from bert_tf.models.labels import label_names
from bert_tf.models.output_layers import output_dropout, output_layer
from bert_tf.models.task_model import TaskModel
from bert_tf.objectives.losses import cross_entropy

PROBLEM_TYPES = ("single_label", "multi_label", "regression")


@keras.saving.register_keras_serializable(package="bert_tf")
class BertClassifier(TaskModel):
    """Encoder, pooler, dropout and one dense layer (Devlin et al. 2018, section 4.1).

    Inputs as `BertEncoder`. Output: dict with `logits`, float32 `(batch, labels)`.

    Labels for `fit`, under the key `logits`: int32 `(batch,)` ids (single_label), 0 or 1 `(batch, labels)`
    (multi_label), float32 `(batch,)` or `(batch, labels)` (regression).

    Args:
        config: shape and numerics of the encoder.
        labels: names in the order of the logits; for regression the name of the quantity.
        num_labels: instead of `labels`.
        problem_type: "single_label": one of the labels is right, "multi_label": any number of them, "regression":
            the logits are the values themselves.
        dropout: rate before the dense layer; None for `config.dropout`.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.
    """

    def __init__(self, config: EncoderConfig | Mapping[str, Any], labels: Sequence[str] | None = None, *,
                 num_labels: int | None = None, problem_type: str = "single_label", dropout: float | None = None,
                 dtype=None, name: str = "classifier", **kwargs):
        config, dtype = config_and_policy(config, dtype)
        labels = label_names(labels, num_labels)
        require(problem_type in PROBLEM_TYPES, f"`problem_type` to be one of {', '.join(PROBLEM_TYPES)}",
                problem_type=problem_type)

        # Layers
        encoder = BertEncoder(config, dtype=dtype)
        drop = output_dropout(dropout, config, dtype)
        classifier = output_layer(len(labels), config, dtype, "classifier")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        logits = classifier(drop(encoder(inputs, output_positions=1)["pooled_output"]))
        super().__init__(inputs=inputs, outputs={"logits": logits}, config=config, dtype=dtype, name=name, **kwargs)

        # Config
        self.encoder = encoder
        self.labels = labels
        self.problem_type = problem_type
        self.dropout = dropout

    @property
    def task_metrics(self) -> dict[str, tuple[str, ...]]:
        """The loss, and the accuracy where there is one."""
        return {"logits": ("loss",) if self.problem_type == "regression" else ("loss", "accuracy")}

    def element_losses(self, labels, outputs):
        """Cross-entropy, mean binary cross-entropy or mean squared error of each text; float32 `(batch,)`."""
        labels, logits = labels["logits"], outputs["logits"]
        if self.problem_type == "single_label":
            return {"logits": cross_entropy(ops.reshape(labels, (-1,)), logits)}
        labels = ops.reshape(ops.cast(labels, "float32"), ops.shape(logits))
        if self.problem_type == "multi_label":
            return {"logits": ops.mean(ops.binary_crossentropy(labels, logits, from_logits=True), axis=-1)}
        return {"logits": ops.mean(ops.square(logits - labels), axis=-1)}

    def element_metrics(self, labels, outputs):
        """Whether the likeliest label is right, or the share of right yes/no answers."""
        labels, logits = labels["logits"], outputs["logits"]
        if self.problem_type == "single_label":
            right = ops.equal(ops.argmax(logits, axis=-1), ops.cast(ops.reshape(labels, (-1,)), "int32"))
            return {"logits": {"accuracy": ops.cast(right, "float32")}}
        if self.problem_type == "multi_label":
            right = ops.equal(logits > 0, ops.reshape(labels, ops.shape(logits)) > 0)
            return {"logits": {"accuracy": ops.mean(ops.cast(right, "float32"), axis=-1)}}
        return {}

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "labels": list(self.labels),
            "problem_type": self.problem_type,
            "dropout": self.dropout,
        }
