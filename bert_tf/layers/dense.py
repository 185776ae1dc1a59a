"""The dense layer."""

import keras
from keras import ops

from bert_tf.layers.parts import Part
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

    def product(self, inputs):
        """The inputs x kernel alone, for whoever adds `bias` in a kernel of its own."""
        return from_rows(ops.matmul(as_rows(inputs), self.kernel), inputs)

    def columns(self, inputs, part: Part, repeats: int = 1):
        """A part of the outputs: inputs x some columns of the kernel + bias.

        Args:
            inputs: as for `call`.
            part: see `parts.py`.
            repeats: how many outputs of the same width lie side by side; the part has its share of each.
        """
        kernel, bias = (part.of(variable, self.compute_dtype, axis, repeats)
                        for variable, axis in ((self.kernel, 1), (self.bias, 0)))
        return from_rows(_add_bias(ops.matmul(as_rows(inputs), kernel), bias, False), inputs)

    def rows(self, inputs, part: Part):
        """What a part of the inputs adds to the outputs: inputs x some rows of the kernel, and the bias once."""
        outputs = ops.matmul(as_rows(inputs), part.of(self.kernel, self.compute_dtype, 0))
        return from_rows(_add_bias(outputs, self.bias, False) if part.number == 0 else outputs, inputs)


def _add_bias(rows, bias, training):
    if keras.backend.backend() != "tensorflow":
        return ops.add(rows, bias)
    from bert_tf.layers.bias_tensorflow import add_bias, add_bias_to_train

    return (add_bias_to_train if training else add_bias)(rows, bias)
