"""The BERT encoder."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.encoder_block import EncoderBlock
from bert_tf.layers.pooling import FirstTokenPooler


@keras.saving.register_keras_serializable(package="bert_tf")
class BertEncoder(keras.Model):
    """Token ids in, one vector per token out (Devlin et al. 2018, section 3).

    Args:
        config: shape and numerics; an `EncoderConfig` or its `to_dict()`.
        pooler: also give `pooled_output`.
        return_hidden_states: also give `hidden_states`.
        return_attention_weights: also give `attention_weights`.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.

    Call arguments:
        inputs: dict of `token_ids`, `segment_ids` and `padding_mask` (1 = real token, 0 = padding), int `(batch, seq)`:
            tensors, arrays or lists of lists; seq is at most `config.max_sequence_length`.

    Returns:
        A dict, hidden = `config.hidden_dim`:
        `sequence_output`: float `(batch, seq, hidden)`.
        `pooled_output`: float `(batch, hidden)`, with `pooler`.
        `hidden_states`: tuple of `num_layers + 1` float `(batch, seq, hidden)`; the embeddings come first.
        `attention_weights`: tuple of `num_layers` float32 `(batch, heads, seq, seq)`, probabilities before dropout.

    Example:
        >>> encoder = BertEncoder(EncoderConfig.tiny())
        >>> ids = [[101, 7592, 102]]
        >>> encoder({"token_ids": ids, "segment_ids": [[0, 0, 0]], "padding_mask": [[1, 1, 1]]})["pooled_output"].shape
        TensorShape([1, 128])
    """

    def __init__(self, config: EncoderConfig | Mapping[str, Any], *, pooler: bool = True,
                 return_hidden_states: bool = False, return_attention_weights: bool = False, dtype=None,
                 name: str = "encoder", **kwargs):
        config = as_encoder_config(config)
        dtype = keras.dtype_policies.get(dtype or keras.config.dtype_policy())

        # Layers
        token_embedding = keras.layers.ReversibleEmbedding(
            config.vocabulary_size, config.hidden_dim,
            embeddings_initializer=keras.initializers.TruncatedNormal(stddev=config.initializer_stddev),
            dtype=dtype, name="token_embedding")
        embeddings = Embeddings(
            config.max_sequence_length, config.num_segments, dropout=config.dropout,
            layer_norm_epsilon=config.layer_norm_epsilon, initializer_stddev=config.initializer_stddev,
            dtype=dtype, name="embeddings")
        blocks = [
            EncoderBlock(
                config.num_heads, config.intermediate_dim, activation=config.activation, dropout=config.dropout,
                attention_dropout=config.attention_dropout, layer_norm_epsilon=config.layer_norm_epsilon,
                initializer_stddev=config.initializer_stddev, dtype=dtype, name=f"block_{index}")
            for index in range(config.num_layers)]
        first_token_pooler = None
        if pooler:
            first_token_pooler = FirstTokenPooler(
                initializer_stddev=config.initializer_stddev, dtype=dtype, name="pooler")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        hidden_states = [embeddings(token_embedding(inputs["token_ids"]), inputs["segment_ids"])]
        attention_weights = []
        for block in blocks:
            hidden, weights = block(hidden_states[-1], inputs["padding_mask"], return_attention_weights=True)
            hidden_states.append(hidden)
            attention_weights.append(weights)
        outputs = {"sequence_output": hidden_states[-1]}
        if pooler:
            outputs["pooled_output"] = first_token_pooler(hidden_states[-1])
        if return_hidden_states:
            outputs["hidden_states"] = tuple(hidden_states)
        if return_attention_weights:
            outputs["attention_weights"] = tuple(attention_weights)
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)

        # Config; layers become attributes only now, because torch takes none before the model is initialised
        self.token_embedding = token_embedding
        self.embeddings = embeddings
        self.blocks = blocks
        self.pooler = first_token_pooler
        self.config = config
        self.return_hidden_states = return_hidden_states
        self.return_attention_weights = return_attention_weights
        self.dtype_policy = dtype

    def __call__(self, inputs, *args, **kwargs):
        """As `keras.Model.__call__`; also takes lists, and ignores features that are not inputs."""
        return super().__call__(select_inputs(inputs, tuple(self.input)), *args, **kwargs)

    def get_config(self):
        """Constructor arguments."""
        return {
            "config": self.config.to_dict(),
            "pooler": self.pooler is not None,
            "return_hidden_states": self.return_hidden_states,
            "return_attention_weights": self.return_attention_weights,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The inverse of `get_config`."""
        return cls(**config)


def as_encoder_config(config: EncoderConfig | Mapping[str, Any]) -> EncoderConfig:
    """`config` itself, or built from what `EncoderConfig.to_dict` gave."""
    return config if isinstance(config, EncoderConfig) else EncoderConfig.from_dict(config)


def symbolic_inputs(names: tuple[str, ...]) -> dict[str, keras.KerasTensor]:
    """An int32 model input `(batch, None)` for each of `names`."""
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}


def select_inputs(features: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Takes `names` out of `features` and turns lists into int32 arrays.

    Keras would read a list as a structure of many inputs, and given one name too many it would assign the tensors to
    the wrong inputs, with no more than a warning.

    Raises:
        ValueError: a name is missing.
    """
    missing = [name for name in names if name not in features]
    if missing:
        raise ValueError(f"Expected inputs {', '.join(names)}. Received: {', '.join(features)}.")
    return {name: np.asarray(features[name], "int32") if isinstance(features[name], list | tuple) else features[name]
            for name in names}
