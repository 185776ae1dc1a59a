"""The BERT encoder."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.config import EncoderConfig
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.encoder_block import EncoderBlock
from bert_tf.layers.pooling import FirstTokenPooler
from bert_tf.layers.positions import num_positions
from bert_tf.layers.token_embedding import TokenEmbedding
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
        output_positions: int `(batch, n)`, or a number n: at these positions, or the first ones, alone
            `sequence_output` is computed, and `pooled_output` if there is a pooler; both as they would be without it,
            in a quarter of the last block's time. Nothing else is returned then. None: everything.

    Returns:
        A dict, hidden = `config.hidden_dim`:
        `sequence_output`: float `(batch, seq, hidden)`, or `(batch, n, hidden)` with `output_positions`.
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
        token_embedding = TokenEmbedding(
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

    def call(self, inputs, training=None, mask=None, output_positions=None):
        """All outputs, or with `output_positions` those of the last block there."""
        if output_positions is None:
            return super().call(inputs, training=training, mask=mask)
        inputs = {name: ops.convert_to_tensor(inputs[name], dtype="int32") for name in ENCODER_INPUTS}
        hidden = self.embeddings(self.token_embedding(inputs["token_ids"]), inputs["segment_ids"], training=training)
        for block in self.blocks[:-1]:
            hidden = block(hidden, inputs["padding_mask"], training=training)
        adds_first = self.pooler is not None and not isinstance(output_positions, int)
        if adds_first:
            output_positions = ops.pad(ops.cast(output_positions, "int32"), [[0, 0], [1, 0]])
        hidden = self.blocks[-1](hidden, inputs["padding_mask"], output_positions=output_positions, training=training)
        outputs = {"sequence_output": hidden[:, 1:] if adds_first else hidden}
        return outputs if self.pooler is None else outputs | {"pooled_output": self.pooler(hidden)}

    def compute_output_spec(self, inputs, training=None, mask=None, output_positions=None):
        """Symbolic results."""
        if output_positions is None:
            return super().compute_output_spec(inputs, training=training, mask=mask)
        batch, seq = inputs["token_ids"].shape
        shapes = {"sequence_output": (batch, num_positions(output_positions, seq), self.config.hidden_dim)}
        if self.pooler is not None:
            shapes["pooled_output"] = (batch, self.config.hidden_dim)
        return {name: keras.KerasTensor(shape, dtype=self.compute_dtype) for name, shape in shapes.items()}

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "pooler": self.pooler is not None,
            "return_hidden_states": self.return_hidden_states,
            "return_attention_weights": self.return_attention_weights,
        }
