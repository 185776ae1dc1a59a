"""What enters the first block: token, position and segment vectors."""

import keras
from keras import ops

from bert_tf.layers.dropout import Dropout
from bert_tf.layers.norm import LayerNorm


@keras.saving.register_keras_serializable(package="bert_tf")
class Embeddings(keras.layers.Layer):
    """Adds learned position and segment vectors to token vectors, then norm and dropout (Devlin et al. 2018, figure 2).

    float `(batch, seq, hidden)` in and out. The token table is a layer of its own, shared with the masked-LM decoder.

    Args:
        max_sequence_length: rows of the position table, tokens.
        num_segments: rows of the segment table.
        dropout: rate on the output.
        layer_norm_epsilon: added to the variance.
        initializer_stddev: deviation of the truncated normal both tables start from.

    Call arguments:
        token_vectors: float `(batch, seq, hidden)`.
        segment_ids: int `(batch, seq)`, in [0, num_segments).

    Raises:
        ValueError: the sequences are longer than the position table, where the length is known beforehand.
    """

    def __init__(self, max_sequence_length: int, num_segments: int = 2, *, dropout: float = 0.0,
                 layer_norm_epsilon: float = 1e-12, initializer_stddev: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("max_sequence_length", max_sequence_length), ("num_segments", num_segments)):
            if value < 1:
                raise ValueError(f"Expected `{name}` >= 1. Received: {name}={value}.")
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.initializer_stddev = initializer_stddev
        self.norm = LayerNorm(epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="norm")
        self._dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape):
        """Makes both tables; hidden is known now."""
        self.position_embedding = self._table(self.max_sequence_length, input_shape[-1], "position_embedding")
        self.segment_embedding = self._table(self.num_segments, input_shape[-1], "segment_embedding")
        self.norm.build(input_shape)
        # Else the model is not built before its first call, and Keras calls it once more for that in `fit`.
        self._dropout.build(input_shape)

    def _table(self, rows: int, hidden_dim: int, name: str) -> keras.Variable:
        # One initialiser each: a Keras initialiser used twice gives the same values twice.
        return self.add_weight(
            (rows, hidden_dim), keras.initializers.TruncatedNormal(stddev=self.initializer_stddev), name=name)

    def call(self, token_vectors, segment_ids, training=None):
        """Sum, norm, dropout."""
        static_length = token_vectors.shape[1]
        if static_length is not None and static_length > self.max_sequence_length:
            raise ValueError(f"Expected at most `max_sequence_length` tokens in a sequence. Received: "
                             f"sequence length={static_length}, max_sequence_length={self.max_sequence_length}.")
        positions = ops.convert_to_tensor(self.position_embedding)[:ops.shape(token_vectors)[1]]
        # A product with so few rows is faster than a gather, whose gradient scatters.
        is_segment = ops.one_hot(segment_ids, self.num_segments, dtype=token_vectors.dtype)
        segments = ops.matmul(is_segment, self.segment_embedding)
        vectors = self.norm(token_vectors + positions + segments, training=training)
        return self._dropout(vectors, training=training)

    def compute_output_shape(self, token_vectors_shape, segment_ids_shape):
        """The shape of the token vectors."""
        return token_vectors_shape

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "max_sequence_length": self.max_sequence_length,
            "num_segments": self.num_segments,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_stddev": self.initializer_stddev,
        }
