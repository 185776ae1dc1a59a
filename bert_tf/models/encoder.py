"""The BERT encoder."""

from collections.abc import Mapping
from typing import Any

import keras

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.encoder_block import EncoderBlock
from bert_tf.layers.pooling import FirstTokenPooler
from bert_tf.models.feature_model import FeatureModel, config_and_policy, symbolic_inputs


@keras.saving.register_keras_serializable(package="bert_tf")
class BertEncoder(FeatureModel):
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
        config, dtype = config_and_policy(config, dtype)

        # Layers
        token_embedding = keras.layers.ReversibleEmbedding(
            config.vocabulary_size, config.hidden_dim,
            embeddings_initializer=keras.initializers.TruncatedNormal(stddev=config.initializer_stddev),
            # Else the decoder of the masked language model, which it is in reverse, would stay float32.
            reverse_dtype=dtype.compute_dtype, dtype=dtype, name="token_embedding")
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
            hidden, *weights = keras.tree.flatten(
                block(hidden_states[-1], inputs["padding_mask"], return_attention_weights=return_attention_weights))
            hidden_states.append(hidden)
            attention_weights.extend(weights)
        outputs = {"sequence_output": hidden_states[-1]}
        if pooler:
            outputs["pooled_output"] = first_token_pooler(hidden_states[-1])
        if return_hidden_states:
            outputs["hidden_states"] = tuple(hidden_states)
        if return_attention_weights:
            outputs["attention_weights"] = tuple(attention_weights)
        super().__init__(inputs=inputs, outputs=outputs, config=config, dtype=dtype, name=name, **kwargs)

        # Config
        self.token_embedding = token_embedding
        self.embeddings = embeddings
        self.blocks = blocks
        self.pooler = first_token_pooler
        self.return_hidden_states = return_hidden_states
        self.return_attention_weights = return_attention_weights

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "pooler": self.pooler is not None,
            "return_hidden_states": self.return_hidden_states,
            "return_attention_weights": self.return_attention_weights,
        }
