"""From offsets in normalised text to offsets in the text itself."""

import numpy as np
import tensorflow as tf

from bert_tf.text.pieces import Pieces, rows_of, starts_when_joined

_LENGTH_BY_BYTE = np.repeat([1, 2, 3, 4], [0xC0, 0x20, 0x10, 0x10]).astype(np.int64)
"""Length in bytes of the UTF-8 character that starts with a byte; 1 for a byte that starts none."""


def in_original(texts: tf.Tensor, pieces: Pieces, origins: tf.RaggedTensor) -> Pieces:
    """Moves the offsets of the pieces to the original texts.

    Args:
        texts: string `(batch,)`.
        pieces: their pieces with offsets in bytes of the normalised texts.
        origins: where each byte of the normalised text comes from, int64 `(batch, (bytes + 1))`, as FastBertNormalize
            says it: the start of its character if that was changed, else the very byte.
    """
    rows = rows_of(pieces.row_splits)
    row_start = tf.gather(origins.row_splits, rows)
    starts = tf.gather(origins.values, row_start + pieces.starts)
    # Not the origin of the byte behind a piece: it would include characters that were dropped there, and be the start
    # where a character became several pieces. The origin of the last byte, and how long its character is if changed.
    last = tf.gather(origins.values, row_start + pieces.limits - 1)
    all_bytes = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    last_byte = tf.gather(all_bytes, tf.gather(starts_when_joined(texts), rows) + last)
    limits = last + tf.gather(_LENGTH_BY_BYTE, tf.cast(last_byte, tf.int32))
    return pieces._replace(starts=starts, limits=limits)
