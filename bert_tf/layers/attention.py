"""Bidirectional self-attention."""

import keras
from keras import ops

from bert_tf.layers.dense import Dense
from bert_tf.layers.dropout import Dropout
from bert_tf.layers.parts import parts_of, sum_of_parts
from bert_tf.layers.positions import take_positions

_MASKED_SCORE = -10_000.0
"""Added to the scores of padding, as in google-research/bert (`attention_layer`). A float32 softmax then gives padding
exactly 0; finite, so that a row of padding alone gives a plain softmax instead of NaN."""


@keras.saving.register_keras_serializable(package="bert_tf")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention over all real tokens (Vaswani et al. 2017, section 3.2).

    float `(batch, seq, hidden)` in, `(batch, looking, hidden)` out: looking = seq unless `output_positions` says which
    tokens look. Dropout of the output, residual and norm belong to the encoder block.

    Query, key and value come from one product, `query_key_value`, whose kernel `(hidden, 3 * hidden)` is laid out
    [query | key | value], the heads side by side in each. Scores and softmax are float32 under mixed precision. On JAX
    with one GPU, in 16 bits, all between the two products is one kernel (`attention_jax.py`), unless weights or some
    positions alone are asked for.

    Args:
        num_heads: attention heads; divides hidden.
        dropout: rate on the attention probabilities.
        initializer_stddev: deviation of the truncated normal both kernels start from.

    Call arguments:
        inputs: float `(batch, seq, hidden)`.
        padding_mask: integer or boolean `(batch, seq)`, 1 = real token, 0 = padding that nothing attends to.
        return_attention_weights: also return the probabilities before dropout, float32
            `(batch, heads, looking, seq)`: row = the token that looks, column = the token it looks at.
        output_positions: int `(batch, looking)`, or a number, the first tokens; None for all.
        add_bias: False in training for whoever adds the output projection's bias in a kernel of its own.
    """

    def __init__(self, num_heads: int, *, dropout: float = 0.0, initializer_stddev: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        if num_heads < 1:
            raise ValueError(f"Expected `num_heads` >= 1. Received: num_heads={num_heads}.")
        self.num_heads = num_heads
        self.dropout = dropout
        self.initializer_stddev = initializer_stddev
        self.dropout_layer = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape):
        """Makes both projections; hidden is known now."""
        hidden_dim = input_shape[-1]
        if hidden_dim % self.num_heads:
            raise ValueError(f"Expected `num_heads` to divide `hidden_dim`. "
                             f"Received: num_heads={self.num_heads}, hidden_dim={hidden_dim}.")
        self._head_dim = hidden_dim // self.num_heads
        self.query_key_value = self._dense(3 * hidden_dim, "query_key_value")
        self.query_key_value.build(input_shape)
        # Not `self.output`: that is a property of every Keras layer.
        self.output_projection = self._dense(hidden_dim, "output")
        self.output_projection.build(input_shape)
        # Not called where all is one kernel; Keras goes over a model with unbuilt layers at each `fit`.
        self.dropout_layer.build((None, self.num_heads, None, None))

    def _dense(self, width: int, name: str) -> Dense:
        # One initialiser each: a Keras initialiser used twice gives the same values twice.
        return Dense(
            width, kernel_initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_stddev),
            dtype=self.dtype_policy, name=name)

    def call(self, inputs, padding_mask, return_attention_weights=False, output_positions=None, add_bias=True,
             training=None):
        """Context vectors, and with `return_attention_weights` the probabilities they were mixed with."""
        if not training and not return_attention_weights and (parts := parts_of(self.num_heads)):
            contexts = [self._attend(self.query_key_value.columns(inputs, part, 3), padding_mask, output_positions,
                                     training)[0] for part in parts]
            return sum_of_parts([self.output_projection.rows(context, part)
                                 for context, part in zip(contexts, parts, strict=True)])
        if output_positions is None and not return_attention_weights and self._is_one_kernel():
            context, probabilities = self._in_one_kernel(inputs, padding_mask, training), None
        else:
            context, probabilities = self._attend(self.query_key_value(inputs), padding_mask, output_positions,
                                                  training)
        outputs = self.output_projection(context) if add_bias else self.output_projection.product(context)
        return (outputs, probabilities) if return_attention_weights else outputs

    def _attend(self, vectors, padding_mask, output_positions, training):
        """From [query | key | value] of all heads, or of some, to their context, and the probabilities in it.

        float `(batch, seq, 3 * heads * head)` -> `(batch, looking, heads * head)`, `(batch, heads, looking, seq)`.
        """
        if output_positions is None:
            query, key, value = self._split_heads(vectors, 3)
        else:
            queries, others = self._take_queries(vectors)
            query, = self._split_heads(take_positions(queries, output_positions), 1)
            key, value = self._split_heads(others, 2)

        # (batch, heads, looking, head) x (batch, heads, head, seq) -> (batch, heads, looking, seq)
        # The query is scaled rather than the scores, which are more.
        scores = ops.matmul(query * self._head_dim**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        scores = ops.cast(scores, keras.backend.result_type(self.compute_dtype, "float32"))
        is_padding = 1 - ops.cast(padding_mask, scores.dtype)
        probabilities = ops.softmax(scores + _MASKED_SCORE * is_padding[:, None, None, :], axis=-1)

        dropped = self.dropout_layer(ops.cast(probabilities, self.compute_dtype), training=training)
        return self._join_heads(ops.matmul(dropped, value)), probabilities

    def _is_one_kernel(self) -> bool:
        if keras.backend.backend() != "jax":
            return False
        from bert_tf.layers.attention_jax import runs_here

        return runs_here(self._head_dim, self.compute_dtype)

    def _in_one_kernel(self, inputs, padding_mask, training):
        """`(batch, seq, hidden)` -> context of the same shape."""
        from bert_tf.layers.attention_jax import attend

        rate, dense = self.dropout if training else 0.0, self.query_key_value
        return attend(dense.product(inputs), ops.cast(dense.bias, self.compute_dtype), padding_mask, self.num_heads,
                      masked_score=_MASKED_SCORE, rate=rate, seed=self.dropout_layer.seeds.next() if rate else None)

    def _take_queries(self, vectors):
        """`(batch, seq, 3 * width)` -> `(batch, seq, width)`, and keys with values, `(batch, seq, 2 * width)`."""
        width = vectors.shape[-1] // 3
        if _trains_on_one_cpu():
            # The gradient puts the parts together; that of slices adds up two of the whole width.
            return ops.split(vectors, [width], axis=-1)
        return vectors[..., :width], vectors[..., width:]

    def _split_heads(self, vectors, parts: int):
        """`(batch, seq, parts * heads * head)` -> `parts` times `(batch, heads, seq, head)`."""
        if _trains_on_one_cpu():
            from bert_tf.layers.heads_tensorflow import split_heads

            return split_heads(vectors, parts, self.num_heads)
        heads = ops.reshape(vectors, (-1, ops.shape(vectors)[1], vectors.shape[-1] // self._head_dim, self._head_dim))
        return ops.split(ops.transpose(heads, (0, 2, 1, 3)), parts, axis=1)

    def _join_heads(self, context):
        """`(batch, heads, looking, head)` -> `(batch, looking, heads * head)`."""
        if _trains_on_one_cpu():
            from bert_tf.layers.heads_tensorflow import join_heads

            return join_heads(context)
        # (batch, heads, looking, head) -> (batch, looking, heads, head) -> (batch, looking, heads * head)
        context = ops.transpose(context, (0, 2, 1, 3))
        return ops.reshape(context, (-1, ops.shape(context)[1], context.shape[2] * self._head_dim))

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "initializer_stddev": self.initializer_stddev,
        }


def _trains_on_one_cpu() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    from bert_tf.layers.one_cpu_tensorflow import trains_on_one_cpu

    return trains_on_one_cpu()
