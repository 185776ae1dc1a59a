import numpy as np
import pytest
import tensorflow as tf

from bert_tf.text.long_words import LongWordFilter
from bert_tf.text.pieces import Pieces

IS_SUFFIX = np.array([False, False, True, True])  # [UNK], two letters, ##one letter, ##three letters
NUM_CHARACTERS = np.array([5, 2, 1, 3])
UNKNOWN = 0


def pieces_of(rows):
    """Pieces of words, each word a list of ids; a space between words."""
    flat = [(number, word) for row in rows for word, ids in enumerate(row) for number in ids]
    starts, limits = [], []
    for row in rows:
        position = 0
        for ids in row:
            for number in ids:
                starts.append(position)
                position += int(NUM_CHARACTERS[number])
                limits.append(position)
            position += 1
    splits = np.cumsum([0, *(sum(map(len, row)) for row in rows)])
    return Pieces(tf.constant([number for number, _ in flat], tf.int32), tf.constant(starts, tf.int64),
                  tf.constant(limits, tf.int64), tf.constant(splits, tf.int64))


def filtered_word_by_word(rows, limit):
    """Ids, starts and limits of all rows, and row_splits, by measuring every word."""
    expected, row_splits = [], [0]
    for row in rows:
        position = 0
        for ids in row:
            length = int(NUM_CHARACTERS[ids].sum())
            if ids != [UNKNOWN] and length > limit:
                expected.append((UNKNOWN, position, position + length))
            else:
                ends = position + np.cumsum(NUM_CHARACTERS[ids])
                expected += [(number, end - NUM_CHARACTERS[number], end) for number, end in zip(ids, ends, strict=True)]
            position += length + 1
        row_splits.append(len(expected))
    return expected, row_splits


@pytest.mark.parametrize("limit", [5, 6, 7, 11, 12, 20])
def test_matches_measuring_every_word(limit):
    generator = np.random.default_rng(limit)
    rows = [[[UNKNOWN] if generator.random() < 0.1 else [1, *generator.choice([2, 3], generator.integers(0, limit))]
             for _ in range(generator.integers(0, 6))] for _ in range(200)]
    filter_ = LongWordFilter(is_suffix=IS_SUFFIX, num_characters=NUM_CHARACTERS, unknown_id=UNKNOWN,
                             max_word_characters=limit)
    result = filter_.apply(pieces_of(rows))
    expected, row_splits = filtered_word_by_word(rows, limit)
    assert list(zip(*(values.numpy().tolist() for values in result[:3]), strict=True)) == expected
    assert result.row_splits.numpy().tolist() == row_splits


def test_leaves_an_empty_batch_alone():
    filter_ = LongWordFilter(is_suffix=IS_SUFFIX, num_characters=NUM_CHARACTERS, unknown_id=UNKNOWN,
                             max_word_characters=30)
    result = filter_.apply(pieces_of([[], []]))
    assert [values.numpy().tolist() for values in result] == [[], [], [], [0, 0, 0]]
