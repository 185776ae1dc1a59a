"""The masked language model's head."""

import keras
from keras import ops

from bert_tf.layers.activation import activation_function
from bert_tf.layers.dense import Dense
from bert_tf.layers.norm import LayerNorm


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskedLmHead(keras.layers.Layer):
    """What stands before and behind the tied decoder of the masked language model.

    The decoder is the token embedding in reverse, a layer of its own, so the head is called twice:

    ```python
    rows = head(masked)                                # (batch * masked, hidden): dense, norm
    decoded = token_embedding(rows, reverse=True)      # (batch * masked, vocabulary)
    logits = head(masked, decoded=decoded)             # (batch, masked, vocabulary): bias
    ```

    Only masked tokens come here, and are decoded in rows, because one product of two matrices is what costs most here.
    Google's `get_masked_lm_output` is the source of the parts and their order.

    Args:
        vocabulary_size: length of the bias.
        activation: of the dense layer; one of "gelu" (exact), "gelu_tanh", "relu", "silu".
        layer_norm_epsilon: added to the variance.
        initializer_stddev: deviation of the truncated normal the kernel starts from.

    Call arguments:
        inputs: float `(batch, masked, hidden)`: the encoder's vectors of the masked tokens.
        decoded: None, or in the second call what the decoder made of the first, float `(batch * masked, vocabulary)`.

    Returns:
        float `(batch * masked, hidden)`, or with `decoded` logits `(batch, masked, vocabulary)`, float32 under mixed
        precision too.
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
        self.norm = LayerNorm(epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="norm")

    def build(self, input_shape):
        """Makes the parts; hidden is known now."""
        hidden_dim = input_shape[-1]
        self.projection = Dense(
            hidden_dim, kernel_initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_stddev),
            dtype=self.dtype_policy, name="projection")
        self.projection.build((None, hidden_dim))
        self.norm.build((None, hidden_dim))
        self.bias = self.add_weight((self.vocabulary_size,), "zeros", name="bias", autocast=False)

    def call(self, inputs, decoded=None, training=None):
        """The part before the decoder, or with `decoded` the part behind it."""
        if decoded is None:
            rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
            return self.norm(self._activate(self.projection(rows, training=training)), training=training)
        rows = ops.cast(decoded, keras.backend.result_type(self.compute_dtype, "float32")) + self.bias
        return ops.reshape(rows, (-1, ops.shape(inputs)[1], self.vocabulary_size))

    def compute_output_spec(self, inputs, decoded=None, training=None):
        """Shape and dtype of the result of either call."""
        batch, masked, hidden_dim = inputs.shape
        if decoded is not None:
            return keras.KerasTensor((batch, masked, self.vocabulary_size),
                                     dtype=keras.backend.result_type(self.compute_dtype, "float32"))
        rows = None if batch is None or masked is None else batch * masked
        return keras.KerasTensor((rows, hidden_dim), dtype=self.compute_dtype)

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_stddev": self.initializer_stddev,
        }
