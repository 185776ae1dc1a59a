"""The dense layer."""

import keras
from keras import ops

from bert_tf.layers.rows import as_rows, from_rows


@keras.saving.register_keras_serializable(package="bert_tf")
class Dense(keras.layers.Dense):
    """As `keras.layers.Dense`; on TensorFlow faster on a CPU, and its bias' gradient is right in bfloat16.

    All leading axes become rows of one matrix, so that product, bias and activation can be one kernel.
    """

    def call(self, inputs, training=None):
        """activation(inputs x kernel + bias)."""
        outputs = ops.matmul(as_rows(inputs), self.kernel)
        if self.bias is not None:
            outputs = _add_bias(outputs, self.bias, training)
        if self.activation is not None:
            outputs = self.activation(outputs)
        return from_rows(outputs, inputs)


def _add_bias(rows, bias, training):
    if keras.backend.backend() != "tensorflow":
        return ops.add(rows, bias)
    from bert_tf.layers.bias_tensorflow import add_bias, add_bias_to_train

    return (add_bias_to_train if training else add_bias)(rows, bias)
