"""Finds "[MASK]" and the other special tokens inside raw text."""

import re
import string

import tensorflow as tf

from bert_tf.config import require
from bert_tf.text.kernels import build_counter
from bert_tf.text.pieces import Pieces, places_of, rows_of, starts_when_joined

_MOST_CHARACTERS = 60
"""The table has 6 bits for how often a character is written."""


class SpecialTokenFinder(tf.Module):
    """Gives special tokens that stand in the text as such, `a[MASK]b` too, their own ids; letter case counts.

    Graphs for LiteRT cannot look at the bytes of a string. But the normalising kernel says where every byte of what it
    writes comes from, so it is given a table that writes each character of a special token a number of times of its
    own, and everything else once:

    ```
    a[M]      a once, [ twice, M three times, ] four times      from bytes  0 1 1 2 2 2 3 3 3 3
    ```

    Args:
        ids: the special tokens and their ids.

    Raises:
        ValueError: a token does not begin and end with ASCII punctuation, or two could overlap.
    """

    def __init__(self, ids: dict[str, int]):
        super().__init__(name="special_token_finder")
        for token in ids:
            is_enclosed = token.isascii() and token[0] in string.punctuation and token[-1] in string.punctuation
            require(is_enclosed and not re.search(r"[\s\x00-\x1f]", token),
                    "special tokens that begin and end with ASCII punctuation, to keep them inside text", token=token)
            require(all(token[0] not in other[1:] for other in ids),
                    "special tokens of which none can begin inside another, to keep them inside text", token=token)
        self._ids = ids
        self._times = {character: times for times, character in enumerate(sorted(set("".join(ids))), start=2)}
        require(len(self._times) <= _MOST_CHARACTERS, f"special tokens of at most {_MOST_CHARACTERS} characters in all",
                characters=len(self._times))
        self._counter = build_counter(self._times)
        # \C is any byte; a dot would be any character, and match nothing in text that is not UTF-8.
        self._pattern = rf"\C*(?:{'|'.join(re.escape(token) for token in ids)})\C*"

    def any_in(self, texts: tf.Tensor) -> tf.Tensor:
        """Whether any of the texts `(batch,)` has a special token; bool."""
        return tf.reduce_any(tf.strings.regex_full_match(texts, self._pattern))

    def put_in(self, texts: tf.Tensor, pieces: Pieces) -> Pieces:
        """Replaces the pieces of special tokens by the tokens.

        Args:
            texts: string `(batch,)`.
            pieces: their pieces with offsets in bytes of the texts.
        """
        ids, lengths = self._find(texts)
        # A place more than its bytes for every text: no special token reaches into the next one.
        first_places = starts_when_joined(texts) + tf.range(tf.size(pieces.row_splits, tf.int64) - 1)
        positions = tf.gather(first_places, rows_of(pieces.row_splits)) + pieces.starts
        # The last special token that starts at or before each piece; the first one is an empty sentinel.
        places = places_of(ids >= 0)
        number = tf.gather(tf.cumsum(tf.cast(ids >= 0, tf.int64)), positions)
        ids = tf.concat([[-1], tf.gather(ids, places)], axis=0)
        start = tf.gather(tf.concat([[-1], places], axis=0), number)
        limit = start + tf.gather(tf.concat([[0], tf.gather(lengths, places)], axis=0), number)
        is_first = (positions == start) & (start < limit)
        is_rest = (positions > start) & (positions < limit)
        return pieces._replace(
            ids=tf.where(is_first, tf.gather(ids, number), pieces.ids),
            limits=tf.where(is_first, pieces.starts + limit - start, pieces.limits)).kept(~is_rest)

    def _find(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What starts at each byte of the joined texts, a place more for each text: an id, or -1; int64 lengths."""
        _, origins = self._counter.normalize_with_offsets(texts)
        rows = rows_of(origins.row_splits)
        places = origins.values + tf.gather(starts_when_joined(texts), rows) + rows
        size = tf.size(places)  # at least as many as there are places
        longest = max(map(len, self._ids))
        times = tf.scatter_nd(places[:, tf.newaxis], tf.ones_like(places, tf.int32), [size + longest])
        # From each place on; cut once for all tokens.
        following = [times[place:place + size] for place in range(longest)]
        ids, lengths = tf.fill([size], -1), tf.zeros([size], tf.int64)
        for token, number in self._ids.items():
            is_token = tf.ones([size], tf.bool)
            for character, written in zip(token, following, strict=False):
                is_token &= written == self._times[character]
            ids = tf.where(is_token, number, ids)
            lengths = tf.where(is_token, tf.constant(len(token), tf.int64), lengths)
        return ids, lengths
