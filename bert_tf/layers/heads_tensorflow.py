"""Attention's heads apart and together, in training on one CPU; imported only where Keras runs on TensorFlow."""

import tensorflow as tf


def split_heads(vectors: tf.Tensor, parts: int, num_heads: int) -> list[tf.Tensor]:
    """Queries, keys and values apart, and in each the heads.

    Args:
        vectors: float `(batch, seq, parts * hidden)`, the heads side by side in each part.
        parts: how many there are.
        num_heads: divides hidden.

    Returns:
        `parts` times `(batch, heads, seq, head)`.
    """
    batch, seq, width = _sizes(vectors)

    @tf.custom_gradient
    def split(vectors):
        heads = tf.reshape(vectors, (batch, seq, parts, num_heads, width // (parts * num_heads)))
        # The parts come first, because taking the first axis apart copies nothing.
        return tf.unstack(_transpose(heads, (2, 0, 3, 1, 4))), lambda *upstream: tf.reshape(
            _transpose(tf.stack(upstream), (1, 3, 0, 2, 4)), (batch, seq, width))

    return split(vectors)


def join_heads(context: tf.Tensor) -> tf.Tensor:
    """The opposite: float `(batch, heads, seq, head)` -> `(batch, seq, hidden)`."""
    batch, num_heads, seq, head = _sizes(context)

    @tf.custom_gradient
    def join(context):
        return tf.reshape(_transpose(context, (0, 2, 1, 3)), (batch, seq, num_heads * head)), lambda upstream: (
            _transpose(tf.reshape(upstream, (batch, seq, num_heads, head)), (0, 2, 1, 3)))

    return join(context)


def _transpose(heads, axes):
    """`tf.transpose` that leaves the last axis where it is.

    oneDNN transposes bfloat16 at less than half the speed at which TensorFlow transposes integers of 64 bits.
    """
    *sizes, head = _sizes(heads)
    in_one = 8 // heads.dtype.size
    if head % in_one or in_one == 1:
        return tf.transpose(heads, axes)
    words = tf.bitcast(tf.reshape(heads, (*sizes, head // in_one, in_one)), tf.int64)
    return tf.reshape(tf.bitcast(tf.transpose(words, axes), heads.dtype), (*(sizes[axis] for axis in axes[:-1]), head))


def _sizes(tensor):
    """Of all axes; a number where it is known."""
    sizes = tf.shape(tensor)
    return [sizes[axis] if size is None else size for axis, size in enumerate(tensor.shape)]
