"""Words of too many characters become one [UNK].

The kernel has a limit of its own, but it counts bytes, so it has to be four times as high.
"""

import numpy as np
import tensorflow as tf

from bert_tf.text.pieces import Pieces, outside_of_graphs, places_of


class LongWordFilter(tf.Module):
    """Replaces each word of more than `max_word_characters` characters by one [UNK].

    A long word is a long run of continuing pieces. Runs are rare, so the places where enough continuing pieces follow
    each other are found first, in a small part of the kernel's time, and only the words around them are measured.

    Args:
        is_suffix: bool `(vocabulary,)`, which pieces continue a word.
        num_characters: integers `(vocabulary,)`, length of each piece without its mark; at most `max_word_characters`.
        unknown_id: id of [UNK].
        max_word_characters: the longest word that stays.
    """

    def __init__(self, *, is_suffix: np.ndarray, num_characters: np.ndarray, unknown_id: int,
                 max_word_characters: int):
        super().__init__(name="long_word_filter")
        # One table, because each adds to the size of a phone's file: below 0 where the piece continues a word.
        lengths = np.where(is_suffix, -num_characters, num_characters)
        self._lengths = outside_of_graphs(lengths.astype(np.min_scalar_type(-max_word_characters)))
        self._unknown_id = unknown_id
        self._max_word_characters = max_word_characters
        least_pieces = -(-(max_word_characters + 1) // int(num_characters.max()))
        self._run = least_pieces - 1  # continuing pieces that every long word has, >= 1

    def apply(self, pieces: Pieces) -> Pieces:
        """The pieces without long words; their [UNK] reaches from the start to the limit of the word."""
        lengths = tf.cast(tf.gather(self._lengths, pieces.ids), tf.int32)
        begins_run = _all_set(lengths < 0, self._run)
        return Pieces(*tf.cond(tf.reduce_any(begins_run),
                               lambda: tuple(self._measured(pieces, lengths, places_of(begins_run))),
                               lambda: tuple(pieces)))

    def _measured(self, pieces: Pieces, lengths: tf.Tensor, at: tf.Tensor) -> Pieces:
        """As `apply`, with the lengths of the pieces and the places where enough continuing ones follow each other."""
        run = self._run
        # Neighbouring places belong to one word, which begins one piece before the first of them.
        is_apart = at[1:] != at[:-1] + 1
        first_at = places_of(tf.concat([[True], is_apart], axis=0)[:tf.size(at)])
        last_at = places_of(tf.concat([is_apart, [True]], axis=0)[:tf.size(at)])
        first = tf.gather(at, first_at) - 1
        last = tf.gather(at, last_at) + run - 1

        def characters(positions):
            return tf.abs(tf.gather(lengths, positions))

        sums = tf.concat([[0], tf.cumsum(characters(at))], axis=0)
        length = characters(first) + tf.gather(sums, last_at + 1) - tf.gather(sums, first_at)
        for back in range(run - 1):
            length += characters(last - back)
        is_long = length > self._max_word_characters

        def replaced():
            long = places_of(is_long)
            return tuple(self._replaced(pieces, tf.gather(first, long), tf.gather(last, long)))

        return Pieces(*tf.cond(tf.reduce_any(is_long), replaced, lambda: tuple(pieces)))

    def _replaced(self, pieces: Pieces, first: tf.Tensor, last: tf.Tensor) -> Pieces:
        """Puts one [UNK] in the place of each word; words are given by their first and last piece, int64 `(words,)`."""
        count = tf.size(pieces.ids, out_type=tf.int64)

        def scattered(positions, values):
            return tf.scatter_nd(positions[:, tf.newaxis], values, [count + 1])

        ones = tf.ones_like(first)
        is_first = scattered(first, ones)[:-1] > 0
        # One more from the second piece of a word to its last.
        is_rest = tf.cumsum(scattered(first + 1, ones) - scattered(last + 1, ones))[:-1] > 0
        limits = scattered(first, tf.gather(pieces.limits, last))[:-1]
        return pieces._replace(ids=tf.where(is_first, self._unknown_id, pieces.ids),
                               limits=tf.where(is_first, limits, pieces.limits)).kept(~is_rest)


def _all_set(flags: tf.Tensor, size: int) -> tf.Tensor:
    """Whether `size` flags in a row are set, from each place on: bool `(flags - size + 1,)`."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        flags = flags[:-step] & flags[step:]
        reach += step
    return flags
