"""BERT with its two pre-training heads."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS, PRETRAINING_INPUTS
from bert_tf.layers.masked_lm_head import MaskedLmHead
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.feature_model import config_and_policy, symbolic_inputs
from bert_tf.models.output_layers import output_layer
from bert_tf.models.task_model import TaskModel
from bert_tf.objectives.losses import cross_entropy


@keras.saving.register_keras_serializable(package="bert_tf")
class BertPretrainer(TaskModel):
    """Masked language model and next-sentence prediction over one encoder (Devlin et al. 2018, section 3.1).

    Args:
        config: shape and numerics; an `EncoderConfig` or its `to_dict()`.
        masked_lm: predict the tokens at `masked_positions`; the decoder is the token embedding plus a free bias.
        next_sentence: predict from the pooled first token whether the second segment follows the first.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.

    Call arguments:
        inputs: the encoder's dict; with `masked_lm` also `masked_positions`, int `(batch, masked)`, in [0, seq).

    Returns:
        A dict of logits, float32 under mixed precision too:
        `masked_lm`: `(batch, masked, vocabulary)`, with `masked_lm`.
        `next_sentence`: `(batch, 2)`, with `next_sentence`; class 0 = follows, 1 = comes from elsewhere.

    Raises:
        ValueError: neither head is asked for.
    """

    def __init__(self, config: EncoderConfig | Mapping[str, Any], *, masked_lm: bool = True, next_sentence: bool = True,
                 dtype=None, name: str = "pretrainer", **kwargs):
        config, dtype = config_and_policy(config, dtype)
        if not masked_lm and not next_sentence:
            raise ValueError("Expected `masked_lm` or `next_sentence`. Received: masked_lm=False, next_sentence=False.")

        # Layers
        encoder = BertEncoder(config, pooler=next_sentence, dtype=dtype)
        masked_lm_head = None
        if masked_lm:
            masked_lm_head = MaskedLmHead(
                config.vocabulary_size, activation=config.head_activation,
                layer_norm_epsilon=config.head_layer_norm_epsilon, initializer_stddev=config.initializer_stddev,
                dtype=dtype, name="masked_lm_head")
        next_sentence_head = None
        if next_sentence:
            next_sentence_head = output_layer(2, config, dtype, "next_sentence_head")

        # Graph
        inputs = symbolic_inputs(PRETRAINING_INPUTS if masked_lm else ENCODER_INPUTS)
        encoded = encoder({name: inputs[name] for name in ENCODER_INPUTS},
                          output_positions=inputs["masked_positions"] if masked_lm else 1)
        outputs = {}
        if masked_lm:
            masked = encoded["sequence_output"]
            decoded = encoder.token_embedding(masked_lm_head(masked), reverse=True)
            outputs["masked_lm"] = masked_lm_head(masked, decoded=decoded)
        if next_sentence:
            outputs["next_sentence"] = next_sentence_head(encoded["pooled_output"])
        super().__init__(inputs=inputs, outputs=outputs, config=config, dtype=dtype, name=name, **kwargs)

        # Config
        self.encoder = encoder
        self.masked_lm_head = masked_lm_head
        self.next_sentence_head = next_sentence_head

    @property
    def task_metrics(self) -> dict[str, tuple[str, ...]]:
        """Loss and accuracy of each head."""
        return {name: ("loss", "accuracy") for name in self.output}

    def element_losses(self, labels: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Cross-entropies in nats: `masked_lm` float32 `(batch, masked)`, `next_sentence` float32 `(batch,)`."""
        return {name: cross_entropy(labels[name], logits) for name, logits in outputs.items()}

    def element_metrics(self, labels: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """`accuracy`: 1 where the likeliest class is the label, else 0; float32, shaped like the losses."""
        return {name: {"accuracy": _is_right(labels[name], logits)} for name, logits in outputs.items()}

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "masked_lm": self.masked_lm_head is not None,
            "next_sentence": self.next_sentence_head is not None,
        }


def _is_right(labels, logits):
    # Not argmax, for which Keras looks at the sign of every zero first: a third of the time for a whole vocabulary.
    likeliest = ops.top_k(logits, 1)[1][..., 0]
    return ops.cast(ops.equal(likeliest, ops.cast(labels, "int32")), "float32")
