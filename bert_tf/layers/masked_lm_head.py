"""The masked language model's head."""

import keras
from keras import ops

from bert_tf.layers.activation import activation_function
from bert_tf.layers.dense import Dense


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskedLmHead(keras.layers.Layer):
    """What stands before and behind the tied decoder of the masked language model.

    The decoder is the token embedding in reverse, a layer of its own, so the head is called twice:

    ```python
    hidden = head(sequence_output, masked_positions)             # (batch * masked, hidden): gather, dense, norm
    logits = token_embedding(hidden, reverse=True)               # (batch * masked, vocabulary)
    logits = head(logits, masked_positions, from_decoder=True)   # (batch, masked, vocabulary): bias
    ```

    Only masked positions are decoded, and in rows, because one product of two matrices is what costs most here.
    Google's `get_masked_lm_output` is the source of the parts and their order.

    Args:
        vocabulary_size: length of the bias.
        activation: of the dense layer; one of "gelu" (exact), "gelu_tanh", "relu", "silu".
        layer_norm_epsilon: added to the variance.
        initializer_stddev: deviation of the truncated normal the kernel starts from.

    Call arguments:
        inputs: float `(batch, seq, hidden)`, or with `from_decoder` float `(batch * masked, vocabulary)`.
        masked_positions: int `(batch, masked)`, in [0, seq).
        from_decoder: which of the two calls it is.

    Returns:
        float `(batch * masked, hidden)`, or with `from_decoder` logits `(batch, masked, vocabulary)`, which are float32
        under mixed precision too.
    """

    def __init__(self, vocabulary_size: int, *, activation: str = "gelu", layer_norm_epsilon: float = 1e-12,
                 initializer_stddev: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        if vocabulary_size < 1:
            raise ValueError(f"Expected `vocabulary_size` >= 1. Received: vocabulary_size={vocabulary_size}.")
        self.vocabulary_size = vocabulary_size
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.initializer_stddev = initializer_stddev
        self._activate = activation_function(activation)
        self.norm = keras.layers.LayerNormalization(epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="norm")

    def build(self, input_shape):
        """Makes the parts; hidden is known now."""
        hidden_dim = input_shape[-1]
        self.projection = Dense(
            hidden_dim, kernel_initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_stddev),
            dtype=self.dtype_policy, name="projection")
        self.projection.build((None, hidden_dim))
        self.norm.build((None, hidden_dim))
        self.bias = self.add_weight((self.vocabulary_size,), "zeros", name="bias", autocast=False)

    def call(self, inputs, masked_positions, from_decoder=False):
        """The part before the decoder, or with `from_decoder` the part behind it."""
        if from_decoder:
            rows = ops.cast(inputs, keras.backend.result_type(self.compute_dtype, "float32")) + self.bias
            return ops.reshape(rows, (-1, ops.shape(masked_positions)[1], self.vocabulary_size))
        return self.norm(self._activate(self.projection(_gather_rows(inputs, masked_positions))))

    def compute_output_spec(self, inputs, masked_positions, from_decoder=False):
        """Shape and dtype of the result; they follow from both inputs and from which call it is."""
        batch, masked = masked_positions.shape
        if from_decoder:
            return keras.KerasTensor((batch, masked, self.vocabulary_size),
                                     dtype=keras.backend.result_type(self.compute_dtype, "float32"))
        rows = None if batch is None or masked is None else batch * masked
        return keras.KerasTensor((rows, inputs.shape[-1]), dtype=self.compute_dtype)

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_stddev": self.initializer_stddev,
        }


def _gather_rows(vectors, positions):
    """(batch, seq, hidden), (batch, masked) -> (batch * masked, hidden)."""
    batch, seq, hidden_dim = ops.shape(vectors)
    row_of_sequence = ops.arange(batch, dtype="int32") * seq
    rows = ops.reshape(ops.cast(positions, "int32") + row_of_sequence[:, None], (-1,))
    return ops.take(ops.reshape(vectors, (-1, hidden_dim)), rows, axis=0)
