"""BertMultipleChoice: which of several continuations is the right one."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.choices import FoldChoices, UnfoldChoices
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.feature_model import config_and_policy
from bert_tf.models.output_layers import output_dropout, output_layer
from bert_tf.models.task_model import TaskModel
from bert_tf.objectives.losses import cross_entropy


@keras.saving.register_keras_serializable(package="bert_tf")
class BertMultipleChoice(TaskModel):
    """Scores every choice by the pooled output of its own row (Devlin et al. 2018, section 4.4).

    Inputs: `token_ids`, `segment_ids`, `padding_mask`, int32 `(batch, choices, seq)`; any number of choices.
    Output: dict with `logits`, float32 `(batch, choices)`.

    Labels for `fit`, under the key `logits`: int32 `(batch,)`, the index of the right choice.

    Args:
        config: shape and numerics of the encoder.
        dropout: rate before the dense layer; None for `config.dropout`.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.
    """

    task_metrics = {"logits": ("loss", "accuracy")}

    def __init__(self, config: EncoderConfig | Mapping[str, Any], *, dropout: float | None = None,
                 dtype=None, name: str = "multiple_choice", **kwargs):
        config, dtype = config_and_policy(config, dtype)

        # Layers
        encoder = BertEncoder(config, dtype=dtype)
        drop = output_dropout(dropout, config, dtype)
        classifier = output_layer(1, config, dtype, "classifier")

        # Graph
        inputs = {key: keras.Input((None, None), dtype="int32", name=key) for key in ENCODER_INPUTS}
        rows = {key: FoldChoices(name=f"fold_{key}")(value) for key, value in inputs.items()}
        scores = classifier(drop(encoder(rows, output_positions=1)["pooled_output"]))  # (batch x choices, 1)
        logits = UnfoldChoices(dtype="float32", name="unfold_scores")(scores, inputs["token_ids"])
        super().__init__(inputs=inputs, outputs={"logits": logits}, config=config, dtype=dtype, name=name, **kwargs)

        # Config
        self.encoder = encoder
        self.dropout = dropout

    def element_losses(self, labels, outputs):
        """Cross-entropy over the choices of each example; float32 `(batch,)`."""
        return {"logits": cross_entropy(ops.reshape(labels["logits"], (-1,)), outputs["logits"])}

    def element_metrics(self, labels, outputs):
        """Whether the best choice is right."""
        labels = ops.cast(ops.reshape(labels["logits"], (-1,)), "int32")
        right = ops.equal(ops.argmax(outputs["logits"], axis=-1), labels)
        return {"logits": {"accuracy": ops.cast(right, "float32")}}

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {"dropout": self.dropout}
