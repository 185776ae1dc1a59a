"""The position-wise feed-forward network of a transformer block."""

import keras

from bert_tf.layers.activation import activation_function
from bert_tf.layers.dense import Dense
from bert_tf.layers.parts import parts_of, sum_of_parts
from bert_tf.layers.rows import as_rows, from_rows


@keras.saving.register_keras_serializable(package="bert_tf")
class FeedForward(keras.layers.Layer):
    """Position-wise network: expand, activate, contract (Vaswani et al. 2017, section 3.3).

    float `(batch, seq, hidden)` in and out; dropout, residual and norm belong to the encoder block.

    Args:
        intermediate_dim: width between the two projections; 4 x hidden in the BERT paper.
        activation: one of "gelu" (exact), "gelu_tanh" (Google's later code), "relu", "silu".
        initializer_stddev: deviation of the truncated normal both kernels start from.
    """

    def __init__(self, intermediate_dim: int, *, activation: str = "gelu", initializer_stddev: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        if intermediate_dim < 1:
            raise ValueError(f"Expected `intermediate_dim` >= 1. Received: intermediate_dim={intermediate_dim}.")
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.initializer_stddev = initializer_stddev
        self._activate = activation_function(activation)
        self._activate_at_inference = activation_function(activation, inference=True)

    def build(self, input_shape):
        """Makes both projections; hidden is known now."""
        hidden_dim = input_shape[-1]
        self.expand = self._dense(self.intermediate_dim, "expand")
        self.expand.build(input_shape)
        self.contract = self._dense(hidden_dim, "contract")
        self.contract.build((*input_shape[:-1], self.intermediate_dim))

    def _dense(self, width: int, name: str) -> Dense:
        # One initialiser each: a Keras initialiser used twice gives the same values twice.
        return Dense(
            width, kernel_initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_stddev),
            dtype=self.dtype_policy, name=name)

    def call(self, inputs, training=None):
        """Expand, activate, contract."""
        activate = self._activate if training else self._activate_at_inference
        rows = as_rows(inputs)
        if not training and (parts := parts_of(self.intermediate_dim)):
            outputs = sum_of_parts([self.contract.rows(activate(self.expand.columns(rows, part)), part)
                                    for part in parts])
        else:
            outputs = self.contract(activate(self.expand(rows)))
        return from_rows(outputs, inputs)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
            "initializer_stddev": self.initializer_stddev,
        }
