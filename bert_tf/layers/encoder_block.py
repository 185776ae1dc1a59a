"""One block of the BERT encoder."""

import keras

from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.dropout import Dropout, draw_seeds, given_seeds
from bert_tf.layers.feed_forward import FeedForward
from bert_tf.layers.norm import LayerNorm
from bert_tf.layers.positions import num_positions, take_positions


@keras.saving.register_keras_serializable(package="bert_tf")
class EncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each followed by dropout, residual and norm, in this order
    (post-layer-norm, Vaswani et al. 2017, section 3.1).

    float `(batch, seq, hidden)` in and out; `(batch, n, hidden)` out with `output_positions`.

    Args:
        num_heads: attention heads; divides hidden.
        intermediate_dim: width inside the feed-forward network.
        activation: of the feed-forward network; one of "gelu" (exact), "gelu_tanh", "relu", "silu".
        dropout: rate on both branches before the residual is added.
        attention_dropout: rate on the attention probabilities.
        layer_norm_epsilon: added to the variance in both normalisations.
        initializer_stddev: deviation of the truncated normal all kernels start from.

    Call arguments: those of `SelfAttention`; with `return_attention_weights` the result is
    `(outputs, attention weights)`. With `output_positions` all but keys and values is computed at those positions
    alone, with the same results there.

    With the attribute `rematerialize` set, training keeps the block's input alone and computes the rest a second time
    for the gradient (Chen et al. 2016): less memory, about a third more time. `compile(rematerialize=True)` sets it.
    """

    def __init__(self, num_heads: int, intermediate_dim: int, *, activation: str = "gelu", dropout: float = 0.0,
                 attention_dropout: float = 0.0, layer_norm_epsilon: float = 1e-12, initializer_stddev: float = 0.02,
                 **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.initializer_stddev = initializer_stddev

        same = {"dtype": self.dtype_policy}
        self.attention = SelfAttention(num_heads, dropout=attention_dropout, initializer_stddev=initializer_stddev,
                                       name="attention", **same)
        self.attention_norm = LayerNorm(epsilon=layer_norm_epsilon, name="attention_norm", **same)
        self.feed_forward = FeedForward(intermediate_dim, activation=activation, initializer_stddev=initializer_stddev,
                                        name="feed_forward", **same)
        self.output_norm = LayerNorm(epsilon=layer_norm_epsilon, name="output_norm", **same)
        self._attention_dropout = Dropout(dropout, name="attention_dropout", **same)
        self._output_dropout = Dropout(dropout, name="output_dropout", **same)
        self.rematerialize = False

    def build(self, input_shape):
        """Builds the parts; hidden is known now."""
        for part in (self.attention, self.attention_norm, self.feed_forward, self.output_norm):
            part.build(input_shape)
        # Not called where they are part of a kernel; Keras goes over a model with unbuilt layers at each `fit`.
        for part in (self._attention_dropout, self._output_dropout):
            part.build(input_shape)

    def call(self, inputs, padding_mask, return_attention_weights=False, output_positions=None, training=None):
        """Attention branch, then feed-forward branch."""
        given = {"padding_mask": padding_mask, "output_positions": output_positions,
                 "return_attention_weights": return_attention_weights, "training": training}
        if not (self.rematerialize and training):
            return self._transform(inputs, **given)
        # Drawn here, not inside: computed a second time the block must drop the same elements.
        seeds = draw_seeds((self.attention.dropout_layer, self._attention_dropout, self._output_dropout))

        def transform(inputs):
            with given_seeds(seeds):
                return self._transform(inputs, **given)

        return keras.remat(transform)(inputs)

    def _transform(self, inputs, padding_mask, return_attention_weights, output_positions, training):
        is_one_kernel = training and self.attention_norm.is_one_kernel(inputs)
        attended = self.attention(inputs, padding_mask, return_attention_weights=return_attention_weights,
                                  output_positions=output_positions, add_bias=not is_one_kernel, training=training)
        if return_attention_weights:
            attended, weights = attended
        residual = inputs if output_positions is None else take_positions(inputs, output_positions)
        if is_one_kernel:
            attended = self.attention_norm.of_biased_sum(residual, attended, self.attention.output_projection.bias,
                                                         self._attention_dropout)
            outputs = self.output_norm.of_biased_sum(attended, self.feed_forward(attended, add_bias=False),
                                                     self.feed_forward.contract.bias, self._output_dropout)
        else:
            attended = self.attention_norm(residual + self._attention_dropout(attended, training=training),
                                           training=training)
            outputs = self.output_norm(attended + self._output_dropout(self.feed_forward(attended), training=training),
                                       training=training)
        return (outputs, weights) if return_attention_weights else outputs

    def compute_output_spec(self, inputs, padding_mask, return_attention_weights=False, output_positions=None,
                            training=None):
        """Symbolic results; without this Keras traces the block, which took most of the time of building a model."""
        batch, seq, hidden_dim = inputs.shape
        looking = num_positions(output_positions, seq)
        outputs = keras.KerasTensor((batch, looking, hidden_dim), dtype=self.compute_dtype)
        weights = keras.KerasTensor((batch, self.num_heads, looking, seq),
                                    dtype=keras.backend.result_type(self.compute_dtype, "float32"))
        return (outputs, weights) if return_attention_weights else outputs

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "activation": self.activation,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_stddev": self.initializer_stddev,
        }
