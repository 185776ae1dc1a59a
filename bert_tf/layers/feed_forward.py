"""The position-wise feed-forward network of a transformer block."""

import keras
from keras import ops

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

    def call(self, inputs, add_bias=True, training=None):
        """Expand, activate, contract; without `add_bias` for whoever adds the last bias in a kernel of its own."""
        activate = self._activate if training else self._activate_at_inference
        rows = as_rows(inputs)
        if not training and (parts := parts_of(self.intermediate_dim)):
            outputs = sum_of_parts([self.contract.rows(activate(self.expand.columns(rows, part)), part)
                                    for part in parts])
        else:
            hidden = self._in_one_kernel(rows) if training and self._is_one_kernel() else activate(self.expand(rows))
            outputs = self.contract(hidden) if add_bias else self.contract.product(hidden)
        return from_rows(outputs, inputs)

    def _is_one_kernel(self) -> bool:
        """Whether there is one for the activation's gradient: on JAX with one GPU, in 16 bits."""
        if keras.backend.backend() != "jax" or self.activation not in ("gelu", "gelu_tanh"):
            return False
        from bert_tf.layers.biased_gelu_jax import runs_here

        return runs_here(self.intermediate_dim, self.compute_dtype)

    def _in_one_kernel(self, rows):
        from bert_tf.layers.biased_gelu_jax import biased_gelu

        return biased_gelu(self.expand.product(rows), ops.cast(self.expand.bias, self.compute_dtype), self.activation)

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
