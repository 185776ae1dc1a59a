"""Packing: word pieces of one or two texts to `[CLS] first [SEP] second [SEP]` of a common length."""

import tensorflow as tf

from bert_tf.config import require


def pack(first: tf.RaggedTensor, second: tf.RaggedTensor | None = None, *, cls_id: int, sep_id: int, pad_id: int,
         max_length: int, length_multiple: int | None = None) -> dict[str, tf.Tensor]:
    """Joins the pieces of one or two texts per row, truncated and padded.

    ```
    first  [[7, 8, 9]]    token_ids    [[CLS, 7, 8, 9, SEP, 4, SEP, PAD]]
    second [[4]]          segment_ids  [[  0, 0, 0, 0,   0, 1,   1,   0]]
                          padding_mask [[  1, 1, 1, 1,   1, 1,   1,   0]]
    ```

    Args:
        first: int32 `(batch, (pieces))`.
        second: int32 `(batch, (pieces))`; None packs single texts.
        cls_id: id of [CLS].
        sep_id: id of [SEP].
        pad_id: id of [PAD].
        max_length: the longest row in tokens, special ones included; what is too long loses pieces at the back, see
            `truncated_lengths`.
        length_multiple: None pads to `max_length`; a number pads to the longest row of the batch, rounded up to a
            multiple of it, but never beyond `max_length`.

    Returns:
        `token_ids`, `segment_ids` (0 = first, 1 = second, 0 on padding) and `padding_mask` (1 = token, 0 = padding),
        int32 `(batch, seq)`; seq is known statically without `length_multiple`.

    Raises:
        ValueError: `max_length` leaves no room for the special tokens, or `length_multiple` < 1.
    """
    num_special = 2 if second is None else 3
    require(max_length >= num_special, f"`max_length` >= {num_special}, the special tokens", max_length=max_length)
    require(length_multiple is None or length_multiple >= 1, "`length_multiple` >= 1", length_multiple=length_multiple)

    if second is None:
        second_flat, second_starts, second_lengths = first.values[:0], first.row_starts(), 0 * first.row_lengths()
    else:
        second_flat, second_starts, second_lengths = second.values, second.row_starts(), second.row_lengths()
    first_lengths, second_lengths = truncated_lengths(first.row_lengths(), second_lengths, max_length - num_special)
    totals = first_lengths + second_lengths + num_special

    seq = max_length
    if length_multiple is not None:
        longest = tf.reduce_max(tf.concat([totals, [num_special]], axis=0))
        seq = tf.minimum(-(-longest // length_multiple) * length_multiple, max_length)
    position = tf.range(tf.cast(seq, tf.int64))[tf.newaxis]  # (1, seq)
    first_sep = 1 + first_lengths[:, tf.newaxis]  # (batch, 1)
    last_sep = totals[:, tf.newaxis] - 1

    # Every place is looked up in one list: all pieces, then the three special tokens.
    flat = tf.concat([first.values, second_flat, tf.cast([cls_id, sep_id, pad_id], first.dtype)], axis=0)
    num_first, num_pieces = tf.size(first.values, tf.int64), tf.size(flat, tf.int64) - 3
    is_sep = (position == first_sep) | (position == last_sep)
    index = tf.where(position < first_sep, first.row_starts()[:, tf.newaxis] + position - 1,
                     num_first + second_starts[:, tf.newaxis] + position - first_sep - 1)
    index = tf.where(position > last_sep, num_pieces + 2, index)
    index = tf.where(is_sep, num_pieces + 1, index)
    index = tf.where(position == 0, num_pieces, index)
    return {
        "token_ids": tf.cast(tf.gather(flat, index), tf.int32),
        "segment_ids": tf.cast((position > first_sep) & (position <= last_sep), tf.int32),
        "padding_mask": tf.cast(position <= last_sep, tf.int32),
    }


def truncated_lengths(first: tf.Tensor, second: tf.Tensor, max_total: int) -> tuple[tf.Tensor, tf.Tensor]:
    """How many pieces each text of a pair keeps.

    One after the other, the longer text loses a piece at its back, the second one if both are as long, until only
    `max_total` are left (`_truncate_seq_pair` of Google's run_classifier.py). Of an odd number of pieces the first
    text keeps the odd one; Hugging Face's fast tokeniser gives it to the text that was longer.

    Args:
        first: int64 `(batch,)`, lengths in pieces.
        second: int64 `(batch,)`.
        max_total: pieces for both together.

    Returns:
        Both lengths after truncation, int64 `(batch,)`.
    """
    half = max_total // 2
    kept_first = tf.minimum(first, tf.maximum(max_total - second, max_total - half))
    kept_second = tf.minimum(second, tf.maximum(max_total - first, half))
    return kept_first, kept_second
