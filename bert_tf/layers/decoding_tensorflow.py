"""The token table in reverse on TensorFlow; imported only where Keras runs on it."""

import tensorflow as tf


def decode_to_train(rows: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """The product with the transposed table; its gradients need no transposed copy of what is as large as the table.

    Args:
        rows: float `(rows, hidden)`.
        table: float `(vocabulary, hidden)` of the same type.

    Returns:
        `(rows, vocabulary)`.
    """
    return tf.linalg.matmul(rows, table, transpose_b=True)
