"""Vectors of whole sequences."""

import keras

from bert_tf.layers.dense import Dense


@keras.saving.register_keras_serializable(package="bert_tf")
class FirstTokenPooler(keras.layers.Layer):
    """tanh of a projection of the first token, [CLS] (Devlin et al. 2018, section 3; `pooler` in Google's code).

    float `(batch, seq, hidden)` in, float `(batch, hidden)` out. Only the next-sentence objective trains it: in a model
    pre-trained without that objective it is random.

    Args:
        initializer_stddev: deviation of the truncated normal the kernel starts from.
    """

    def __init__(self, *, initializer_stddev: float = 0.02, **kwargs):
        super().__init__(**kwargs)
        self.initializer_stddev = initializer_stddev

    def build(self, input_shape):
        """Makes the projection; hidden is known now."""
        self.projection = Dense(
            input_shape[-1], activation="tanh",
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=self.initializer_stddev),
            dtype=self.dtype_policy, name="projection")
        self.projection.build((input_shape[0], input_shape[-1]))

    def call(self, inputs):
        """Projects the first token."""
        return self.projection(inputs[:, 0, :])

    def compute_output_shape(self, input_shape):
        """(batch, hidden)."""
        return input_shape[0], input_shape[-1]

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {"initializer_stddev": self.initializer_stddev}
