"""BertSpanPredictor: where the answer to a question begins and ends."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.models.encoder import BertEncoder, as_encoder_config, select_inputs, symbolic_inputs
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
        config = as_encoder_config(config)
        dtype = keras.dtype_policies.get(dtype or keras.config.dtype_policy())

        # Layers
        encoder = BertEncoder(config, pooler=False, dtype=dtype)
        span_head = keras.layers.Dense(
            2, kernel_initializer=keras.initializers.TruncatedNormal(stddev=config.initializer_stddev),
            dtype=keras.backend.result_type(dtype.compute_dtype, "float32"), name="span_head")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        scores = span_head(encoder(inputs)["sequence_output"])  # (batch, seq, 2)
        super().__init__(inputs=inputs, outputs={"start_logits": scores[..., 0], "end_logits": scores[..., 1]},
                         name=name, **kwargs)

        # Config; layers become attributes only now, because torch takes none before the model is initialised
        self.encoder = encoder
        self.config = config
        self.dtype_policy = dtype

    def __call__(self, inputs, *args, **kwargs):
        """As `keras.Model.__call__`; also takes lists, and ignores features that are not inputs."""
        return super().__call__(select_inputs(inputs, tuple(self.input)), *args, **kwargs)

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

    def get_config(self):
        """Constructor arguments."""
        return {
            "config": self.config.to_dict(),
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The inverse of `get_config`."""
        return cls(**config)
