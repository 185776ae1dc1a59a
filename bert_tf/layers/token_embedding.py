"""The table of word pieces, which is the decoder of the masked language model in reverse."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="bert_tf")
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """As `keras.layers.ReversibleEmbedding` with tied weights, whose gradient in reverse comes as the table lies.

    Keras multiplies by the transposed table, so the gradient, as large as the table, is transposed once more.
    """

    def call(self, inputs, reverse=False, training=None):
        """Ids to vectors, or with `reverse` vectors `(rows, hidden)` to logits `(rows, vocabulary)`."""
        if not (reverse and training):
            return super().call(inputs, reverse=reverse)
        dtype = self.reverse_dtype or self.compute_dtype
        rows, table = ops.cast(inputs, dtype), ops.cast(self.embeddings, dtype)
        if keras.backend.backend() != "tensorflow":
            return ops.einsum("rh,vh->rv", rows, table)
        from bert_tf.layers.decoding_tensorflow import decode_to_train

        return decode_to_train(rows, table)
