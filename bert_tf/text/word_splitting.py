"""Splitting normalised text into words with CJK ideographs as letters like any other.

The kernel's own splitting cannot be told to do so; this is made of TensorFlow's string operations and slower.
"""

import tensorflow as tf

from bert_tf.text.kernels import UNREACHABLE
from bert_tf.text.pieces import byte_lengths, kept_splits, places_of

# Google's rule: all of ASCII that is neither letter, digit nor space, and Unicode's punctuation.
_PUNCTUATION = r"([!-/:-@\[-`{-~]|\pP)"
_SEPARATOR = UNREACHABLE


def split_words(normalized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Splits at spaces and around punctuation.

    ```
    normalized ["ab国, c"]   words ["ab国", ",", "c"]   starts [0, 5, 7]   row_splits [0, 3]
    ```

    Args:
        normalized: string `(batch,)`, UTF-8 in which all white space is plain spaces.

    Returns:
        `(words, starts, row_splits)`: string `(words,)`, their offsets in bytes of the text, int64 `(words,)`, and the
        words of each text, int64 `(batch + 1,)`.
    """
    chunks = tf.strings.split(normalized, " ")
    chunk_starts = _starts_in_row(byte_lengths(chunks.values) + 1, chunks)
    marked = tf.strings.regex_replace(chunks.values, _PUNCTUATION, rf"{_SEPARATOR}\1{_SEPARATOR}")
    words = tf.strings.split(marked, _SEPARATOR)
    starts = _starts_in_row(byte_lengths(words.values), words) + tf.gather(chunk_starts, words.value_rowids())

    row_splits = tf.gather(words.row_splits, chunks.row_splits)
    is_word = words.values != ""
    places = places_of(is_word)
    return tf.gather(words.values, places), tf.gather(starts, places), kept_splits(row_splits, is_word)


def _starts_in_row(lengths: tf.Tensor, like: tf.RaggedTensor) -> tf.Tensor:
    """Where each of the things that follow each other in the rows of `like` starts, int64 `(values,)`."""
    ends = tf.concat([[0], tf.cumsum(lengths)], axis=0)
    return ends[:-1] - tf.gather(tf.gather(ends, like.row_starts()), like.value_rowids())
