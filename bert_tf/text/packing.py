"""Packing: word pieces of one or two texts to `[CLS] first [SEP] second [SEP]` of a common length."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bert_tf.config import require

BUCKETS = (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
"""Lengths that endpoints pad to, four in each octave: few shapes, and from 8 tokens on less than a quarter is added."""


class Slices(NamedTuple):
    """A stretch of pieces for each row; stretches may overlap.

    Attributes:
        values: integers `(pieces,)`.
        starts: int64 `(batch,)`, where in `values` each row begins.
        lengths: int64 `(batch,)`.
    """

    values: tf.Tensor
    starts: tf.Tensor
    lengths: tf.Tensor


def pack(first: tf.RaggedTensor, second: tf.RaggedTensor | None = None, **options) -> dict[str, tf.Tensor]:
    """Joins the pieces of one or two texts per row, truncated and padded.

    ```
    first  [[7, 8, 9]]    token_ids    [[CLS, 7, 8, 9, SEP, 4, SEP, PAD]]
    second [[4]]          segment_ids  [[  0, 0, 0, 0,   0, 1,   1,   0]]
                          padding_mask [[  1, 1, 1, 1,   1, 1,   1,   0]]
    ```

    Args:
        first: int32 `(batch, (pieces))`.
        second: int32 `(batch, (pieces))`; None packs single texts.
        **options: as for `pack_slices`, which also says what comes out.
    """
    slices = [None if texts is None else Slices(texts.values, texts.row_starts(), texts.row_lengths())
              for texts in (first, second)]
    return pack_slices(*slices, **options)


def pack_slices(first: Slices, second: Slices | None = None, *, cls_id: int, sep_id: int, pad_id: int,
                max_length: int | tf.Tensor, length_multiple: int | None = None,
                buckets: Sequence[int] | None = None) -> dict[str, tf.Tensor]:
    """As `pack`, for rows that are stretches of longer texts.

    Args:
        first: the first text of each row.
        second: the second one; None packs single texts.
        cls_id: id of [CLS].
        sep_id: id of [SEP].
        pad_id: id of [PAD].
        max_length: the longest row in tokens, special ones included; what is too long loses pieces at the back, see
            `truncated_lengths`. Rows are padded to it, unless one of the following options is given. An int64 tensor,
            which is not checked, where it is known in the graph only.
        length_multiple: pads to the longest row of the batch, rounded up to a multiple of it, but never beyond
            `max_length`.
        buckets: pads to the first of these lengths, ascending, that holds the longest row, but never beyond
            `max_length`.

    Returns:
        `token_ids`, `segment_ids` (0 = first, 1 = second, 0 on padding) and `padding_mask` (1 = token, 0 = padding),
        int32 `(batch, seq)`; seq is known statically without `length_multiple` and `buckets`.

    Raises:
        ValueError: `max_length` leaves no room for the special tokens, or `length_multiple` < 1.
    """
    num_special = 2 if second is None else 3
    if not tf.is_tensor(max_length):
        require(max_length >= num_special, f"`max_length` >= {num_special}, the special tokens", max_length=max_length)
    require(length_multiple is None or length_multiple >= 1, "`length_multiple` >= 1", length_multiple=length_multiple)

    if second is None:
        second = Slices(first.values[:0], tf.zeros_like(first.starts), tf.zeros_like(first.lengths))
    first_lengths, second_lengths = truncated_lengths(first.lengths, second.lengths, max_length - num_special)
    totals = first_lengths + second_lengths + num_special

    seq = max_length
    if length_multiple is not None or buckets is not None:
        longest = tf.reduce_max(tf.concat([totals, [num_special]], axis=0))
        seq = (bucketed_length(longest, max_length, buckets) if length_multiple is None
               else tf.minimum(-(-longest // length_multiple) * length_multiple, max_length))
    position = tf.range(tf.cast(seq, tf.int64))[tf.newaxis]  # (1, seq)
    first_sep = 1 + first_lengths[:, tf.newaxis]  # (batch, 1)
    last_sep = totals[:, tf.newaxis] - 1

    # Every place is looked up in one list: all pieces, then the three special tokens.
    flat = tf.concat([first.values, second.values, tf.cast([cls_id, sep_id, pad_id], first.values.dtype)], axis=0)
    num_first, num_pieces = tf.size(first.values, tf.int64), tf.size(flat, tf.int64) - 3
    is_sep = (position == first_sep) | (position == last_sep)
    index = tf.where(position < first_sep, first.starts[:, tf.newaxis] + position - 1,
                     num_first + second.starts[:, tf.newaxis] + position - first_sep - 1)
    index = tf.where(position > last_sep, num_pieces + 2, index)
    index = tf.where(is_sep, num_pieces + 1, index)
    index = tf.where(position == 0, num_pieces, index)
    return {
        "token_ids": tf.cast(tf.gather(flat, index), tf.int32),
        "segment_ids": tf.cast((position > first_sep) & (position <= last_sep), tf.int32),
        "padding_mask": tf.cast(position <= last_sep, tf.int32),
    }


def bucketed_length(longest: tf.Tensor, max_length: int, buckets: Sequence[int] = BUCKETS) -> tf.Tensor:
    """The first of `buckets` that is at least `longest`; `max_length` where that is less or there is none; int64."""
    lengths = tf.constant([*(bucket for bucket in buckets if bucket < max_length), max_length], tf.int64)
    return tf.gather(lengths, tf.reduce_sum(tf.cast(lengths[:-1] < tf.cast(longest, tf.int64), tf.int32)))


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
