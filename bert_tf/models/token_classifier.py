"""BertTokenClassifier: one label for every token."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.models.encoder import BertEncoder, as_encoder_config, select_inputs, symbolic_inputs
from bert_tf.models.labels import label_names
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
        config = as_encoder_config(config)
        dtype = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        labels = label_names(labels, num_labels)

        # Layers
        encoder = BertEncoder(config, pooler=False, dtype=dtype)
        drop = keras.layers.Dropout(config.dropout if dropout is None else dropout, dtype=dtype,
                                    name="classifier_dropout")
        classifier = keras.layers.Dense(
            len(labels), kernel_initializer=keras.initializers.TruncatedNormal(stddev=config.initializer_stddev),
            dtype=keras.backend.result_type(dtype.compute_dtype, "float32"), name="classifier")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        logits = classifier(drop(encoder(inputs)["sequence_output"]))
        super().__init__(inputs=inputs, outputs={"logits": logits}, name=name, **kwargs)

        # Config; layers become attributes only now, because torch takes none before the model is initialised
        self.encoder = encoder
        self.config = config
        self.dtype_policy = dtype
        self.labels = labels
        self.dropout = dropout

    def __call__(self, inputs, *args, **kwargs):
        """As `keras.Model.__call__`; also takes lists, and ignores features that are not inputs."""
        return super().__call__(select_inputs(inputs, tuple(self.input)), *args, **kwargs)

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
        return {
            "config": self.config.to_dict(),
            "labels": list(self.labels),
            "dropout": self.dropout,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The inverse of `get_config`."""
        return cls(**config)
