"""The tokeniser in operations that LiteRT has."""

import dataclasses

import tensorflow as tf

from bert_tf.config import require
from bert_tf.text.kernels import build_normalizer
from bert_tf.text.pieces import Pieces
from bert_tf.text.tokenizer import WordPieceTokenizer


class LiteRTTokenizer(WordPieceTokenizer):
    """A `WordPieceTokenizer` whose graph becomes LiteRT's builtins and the two kernels of tf-text, nothing else.

    LiteRT can neither measure nor cut strings, match patterns or search lists. So there are offsets for one text at a
    time only, and special tokens (`keep_special_tokens`) are looked for where their first character is a piece.

    Args: as `WordPieceTokenizer`.

    Raises:
        ValueError: without `split_cjk`, because words are split by patterns then.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        require(self.split_cjk, "a tokeniser that splits CJK characters; LiteRT cannot take in strings without "
                "(`tokenize_chinese_chars` false), only ids", split_cjk=self.split_cjk)
        self._lossless_normalizer = build_normalizer(lowercase=self.lowercase, strip_accents=self.strips_accents,
                                                     lossless=True)
        # Special tokens begin with punctuation, which is always a piece of its own.
        firsts = sorted({token[0] for token in dataclasses.astuple(self.vocabulary.special_tokens)})
        self._first_ids = [self.vocabulary.id_of(first) if first in self.vocabulary else self.vocabulary.unknown_id
                           for first in firsts]

    def _pieces(self, texts: tf.Tensor, with_offsets: bool) -> Pieces:
        # Part of the graph that asks, which knows how many texts there are.
        knows_origins = with_offsets or self.keep_special_tokens
        require(not knows_origins or texts.shape[0] == 1, "one text where special tokens or offsets are looked for",
                shape=tuple(texts.shape))
        pieces, origins = self._run_kernels(texts, knows_origins)
        pieces = self._long_word_filter.apply(pieces)
        if texts.shape[0] is not None:
            pieces.row_splits.set_shape(texts.shape[0] + 1)
        if with_offsets:
            pieces = self._in_original(texts, pieces, origins.values)
        if not self.keep_special_tokens:
            return pieces

        def put_in():
            # The limits would need a table of their own; nothing looks at them here.
            placed = pieces if with_offsets else pieces._replace(starts=tf.gather(origins.values, pieces.starts))
            return tuple(self._special_token_finder.put_in(texts, placed))

        may_begin = tf.reduce_any(pieces.ids[:, tf.newaxis] == self._first_ids)
        return Pieces(*tf.cond(may_begin, put_in, lambda: tuple(pieces)))

    def _in_original(self, text: tf.Tensor, pieces: Pieces, origins: tf.Tensor) -> Pieces:
        """As `offsets.in_original`, for one text, `(1,)`, without looking at its bytes."""
        last = tf.gather(origins, pieces.limits - 1)
        # A piece ends where the next character begins, which may be one that is dropped.
        _, begins = self._lossless_normalizer.normalize_with_offsets(text)
        size = begins.values[-1:] + 1
        marks = tf.scatter_nd(begins.values[:, tf.newaxis], tf.ones_like(begins.values), size) > 0
        num_until = tf.cumsum(tf.cast(marks, tf.int64))
        limits = tf.gather(tf.where(marks)[:, 0], tf.gather(num_until, last))
        return pieces._replace(starts=tf.gather(origins, pieces.starts), limits=limits)
