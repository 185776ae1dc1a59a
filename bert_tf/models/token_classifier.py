"""BertTokenClassifier: one label for every token."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.feature_model import config_and_policy, symbolic_inputs
from bert_tf.models.labels import label_names
from bert_tf.models.output_layers import output_dropout, output_layer
from bert_tf.models.task_model import TaskModel
from bert_tf.objectives.losses import cross_entropy


@keras.saving.register_keras_serializable(package="bert_tf")
class BertTokenClassifier(TaskModel):
    """Encoder, dropout and one dense layer over every position (Devlin et al. 2018, section 5.3).

    Inputs as `BertEncoder`. Output: dict with `logits`, float32 `(batch, seq, labels)`.

    Labels for `fit`, under the key `logits`: int32 `(batch, seq)`; negative ones are not scored and must have weight 0,
    like padding and the later pieces of a word.

    Args:
        config: shape and numerics of the encoder.
        labels: names in the order of the logits.
        num_labels: instead of `labels`.
        dropout: rate before the dense layer; None for `config.dropout`.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.
    """

    task_metrics = {"logits": ("loss", "accuracy")}

    def __init__(self, config: EncoderConfig | Mapping[str, Any], labels: Sequence[str] | None = None, *,
                 num_labels: int | None = None, dropout: float | None = None, dtype=None,
                 name: str = "token_classifier", **kwargs):
        config, dtype = config_and_policy(config, dtype)
        labels = label_names(labels, num_labels)

        # Layers
        encoder = BertEncoder(config, pooler=False, dtype=dtype)
        drop = output_dropout(dropout, config, dtype)
        classifier = output_layer(len(labels), config, dtype, "classifier")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        logits = classifier(drop(encoder(inputs)["sequence_output"]))
        super().__init__(inputs=inputs, outputs={"logits": logits}, config=config, dtype=dtype, name=name, **kwargs)

        # Config
        self.encoder = encoder
        self.labels = labels
        self.dropout = dropout

    def element_losses(self, labels, outputs):
        """Cross-entropy of each token, 0 where the label is negative; float32 `(batch, seq)`."""
        labels = ops.cast(labels["logits"], "int32")
        losses = cross_entropy(ops.maximum(labels, 0), outputs["logits"])
        return {"logits": losses * ops.cast(labels >= 0, "float32")}

    def element_metrics(self, labels, outputs):
        """Whether each token's likeliest label is right."""
        right = ops.equal(ops.argmax(outputs["logits"], axis=-1), ops.cast(labels["logits"], "int32"))
        return {"logits": {"accuracy": ops.cast(right, "float32")}}

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {"labels": list(self.labels), "dropout": self.dropout}
