"""BertSpanPredictor: where the answer to a question begins and ends."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.feature_model import config_and_policy, symbolic_inputs
from bert_tf.models.output_layers import output_layer
from bert_tf.models.task_model import TaskModel
from bert_tf.objectives.losses import cross_entropy


@keras.saving.register_keras_serializable(package="bert_tf")
class BertSpanPredictor(TaskModel):
    """Encoder and one dense layer that scores every position as start and as end (Devlin et al. 2018, section 4.2).

    Inputs as `BertEncoder`, the question first. Output: dict with `start_logits` and `end_logits`, float32
    `(batch, seq)`; padding is scored like any other position, as in the original.

    Labels for `fit`, under the same keys: int32 `(batch,)` positions, 0 ([CLS]) for no answer.

    Args:
        config: shape and numerics of the encoder.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.
    """

    task_metrics = {"start_logits": ("loss", "accuracy"), "end_logits": ("loss", "accuracy")}

    def __init__(self, config: EncoderConfig | Mapping[str, Any], *, dtype=None, name: str = "span_predictor",
                 **kwargs):
        config, dtype = config_and_policy(config, dtype)

        # Layers
        encoder = BertEncoder(config, pooler=False, dtype=dtype)
        span_head = output_layer(2, config, dtype, "span_head")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        scores = span_head(encoder(inputs)["sequence_output"])  # (batch, seq, 2)
        super().__init__(inputs=inputs, outputs={"start_logits": scores[..., 0], "end_logits": scores[..., 1]},
                         config=config, dtype=dtype, name=name, **kwargs)

        # Config
        self.encoder = encoder

    def element_losses(self, labels, outputs):
        """Half the cross-entropy of the start and half that of the end, whose sum is the loss; float32 `(batch,)`."""
        return {name: 0.5 * cross_entropy(ops.reshape(labels[name], (-1,)), outputs[name])
                for name in self.task_metrics}

    def element_metrics(self, labels, outputs):
        """Whether the likeliest position is right."""
        metrics = {}
        for name in self.task_metrics:
            position = ops.cast(ops.reshape(labels[name], (-1,)), "int32")
            right = ops.equal(ops.argmax(outputs[name], axis=-1), position)
            metrics[name] = {"accuracy": ops.cast(right, "float32")}
        return metrics
