"""WordPieceTokenizer: strings to word pieces and back, in graph, with the ids that Google's BERT gives."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import tensorflow as tf

from bert_tf.config import require
from bert_tf.text.normalization import load_table
from bert_tf.text.vocabulary import SUFFIX_MARK, SpecialTokens, Vocabulary

Strings = tf.Tensor | tf.RaggedTensor | Sequence

_BYTES_PER_CHARACTER = 4  # at most, in UTF-8
_BYTES_BY_FIRST = np.repeat([1, 2, 3, 4], [0xC0, 0x20, 0x10, 0x10]).astype(np.int64)
"""Length of a character by the first of its bytes; 1 for the others."""


class _Pieces(NamedTuple):
    """Word pieces of a batch of texts: int32 ids and int64 byte offsets `(pieces,)`, int64 row_splits `(batch + 1,)`."""

    ids: tf.Tensor
    starts: tf.Tensor
    limits: tf.Tensor
    row_splits: tf.Tensor


class WordPieceTokenizer(tf.Module):
    """Splits text into word pieces exactly as Google's BERT and Hugging Face's fast tokeniser do.

    Text is normalised (`normalization.py`), split at white space, around punctuation and around CJK ideographs; a word
    is split into the longest pieces of the vocabulary from left to right, or becomes one [UNK] if that fails or the word
    is too long. Bytes that are not UTF-8 are dropped.

    Two kernels of tf-text do the work, FastBertNormalize and FastWordpieceTokenizeWithOffsets; both exist in TF Serving
    and LiteRT, too. There are no lookup tables and no variables, so a function that uses a tokeniser can be saved as
    it is; the tables are held once, however many functions use them.

    Args:
        vocabulary: a `Vocabulary`, the path of a vocab.txt, or the list of pieces.
        lowercase: lower-case the text, character by character.
        strip_accents: drop accents after canonical decomposition; None = as `lowercase` says.
        split_cjk: make every CJK ideograph a word of its own (`tokenize_chinese_chars` of Hugging Face).
        keep_special_tokens: give "[MASK]" and the other special tokens inside text their own ids, as Hugging Face
            does; by default they are plain text, as in Google's code, which no user's text can break out of.
        max_word_characters: longer words become [UNK]; Hugging Face has 100, Google's script 200.

    Raises:
        ValueError: the vocabulary cannot be read or lacks a special token.
    """

    def __init__(self, vocabulary: Vocabulary | str | os.PathLike | Sequence[str], lowercase: bool = True, *,
                 strip_accents: bool | None = None, split_cjk: bool = True, keep_special_tokens: bool = False,
                 max_word_characters: int = 100):
        super().__init__(name="word_piece_tokenizer")
        require(max_word_characters >= 1, "`max_word_characters` >= 1", max_word_characters=max_word_characters)
        if isinstance(vocabulary, str | os.PathLike):
            vocabulary = Vocabulary.load(vocabulary)
        elif not isinstance(vocabulary, Vocabulary):
            vocabulary = Vocabulary(vocabulary)
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split_cjk = split_cjk
        self.keep_special_tokens = keep_special_tokens
        self.max_word_characters = max_word_characters

        import tensorflow_text  # takes a second, so not before a tokeniser is wanted

        strips = lowercase if strip_accents is None else strip_accents
        table = load_table(lowercase=lowercase, strip_accents=strips)
        self._normalizer = tensorflow_text.FastBertNormalizer(model_buffer=_constant(table))
        pieces = _reachable_pieces(vocabulary, max_word_characters)
        self._splitter = _kernel(pieces, vocabulary.special_tokens.unknown, max_word_characters, words_only=not split_cjk)

        self._is_suffix = _constant(vocabulary.is_suffix)
        lengths = [len(piece.removeprefix(SUFFIX_MARK)) for piece in pieces]
        self._num_characters = _constant(np.array(lengths, dtype=np.int32))
        # A word that is too long has at least this many continuing pieces.
        self._suspicious_run = -(-(max_word_characters + 1) // max(lengths)) - 1
        self._detokenizing = _constant([piece.removeprefix(SUFFIX_MARK) if is_suffix else f" {piece}"
                                        for piece, is_suffix in zip(vocabulary.pieces, vocabulary.is_suffix, strict=True)])

    def tokenize(self, strings: Strings) -> tf.RaggedTensor:
        """Word pieces of each string.

        Args:
            strings: UTF-8, of any known rank: one string, `(batch,)`, or more axes, ragged or not.

        Returns:
            int32, the axes of `strings` and a ragged one of pieces: `(batch, (pieces))`; `(pieces,)` for one string.
        """
        texts, restore = _flatten(strings)
        normalized = self._normalizer.normalize(texts)
        pieces = self._word_pieces(normalized)
        return restore(pieces.ids, pieces.row_splits)

    def tokenize_with_offsets(self, strings: Strings) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Word pieces of each string and where they come from.

        Args:
            strings: as in `tokenize`.

        Returns:
            `(ids, starts, limits)`, each shaped like the result of `tokenize`; starts and limits are int64 offsets in
            bytes of the original string, the limit behind the last byte of the piece's last character.
        """
        texts, restore = _flatten(strings)
        pieces = self._original_pieces(texts)
        return tuple(restore(values, pieces.row_splits) for values in pieces[:3])

    def _original_pieces(self, texts: tf.Tensor) -> _Pieces:
        """The word pieces of texts `(batch,)` with offsets in bytes of the texts themselves."""
        normalized, origins = self._normalizer.normalize_with_offsets(texts)
        pieces = self._word_pieces(normalized)
        rows = _rows(pieces.row_splits)
        first_origin = tf.gather(origins.row_splits, rows)
        starts = tf.gather(origins.values, first_origin + pieces.starts)
        # The kernel says for each byte of the normal form where its character starts (a character that was kept:
        # where that very byte is). The end follows from the length of the original character.
        last = tf.gather(origins.values, first_origin + pieces.limits - 1)
        all_bytes = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
        byte = tf.gather(all_bytes, tf.gather(_text_starts(texts), rows) + last)
        limits = last + tf.gather(_BYTES_BY_FIRST, tf.cast(byte, tf.int32))
        return pieces._replace(starts=starts, limits=limits)

    def _word_pieces(self, normalized: tf.Tensor) -> _Pieces:
        """The word pieces of normalised texts `(batch,)`; offsets in bytes of these."""
        ids, starts, limits = self._splitter.tokenize_with_offsets(normalized)
        return self._without_long_words(_Pieces(ids.values, starts.values, limits.values, ids.row_splits))

    def _without_long_words(self, pieces: _Pieces) -> _Pieces:
        """Replaces words of too many characters by one [UNK]; the kernel knows limits in bytes only.

        Such a word is a long run of continuing pieces. Runs are rare, so the windows of `_suspicious_run` continuing
        pieces are found first, at a small part of the kernel's time, and only the words around them are measured.
        """
        size = self._suspicious_run
        windows = _all_in_window(tf.gather(self._is_suffix, pieces.ids), size)
        # Neighbouring windows belong to one word. It begins one piece before its first window.
        at = tf.where(windows)[:, 0]
        is_new = tf.concat([[True], at[1:] != at[:-1] + 1], axis=0)[:tf.size(at)]
        word = tf.cumsum(tf.cast(is_new, tf.int32)) - 1
        first = tf.boolean_mask(at, is_new) - 1
        last = tf.math.segment_max(at, word) + size - 1

        def characters(positions):
            return tf.gather(self._num_characters, tf.gather(pieces.ids, positions))

        length = characters(first) + tf.math.segment_sum(characters(at), word)
        for back in range(size - 1):
            length += characters(last - back)
        is_long = length > self.max_word_characters

        def replaced():
            starts_at = tf.boolean_mask(first, is_long)
            ends_at = tf.boolean_mask(last, is_long)
            count = tf.size(pieces.ids, out_type=tf.int64)
            # 1 from the second piece of a long word to its last
            depth = (tf.math.unsorted_segment_sum(tf.ones_like(starts_at), starts_at + 1, count + 1)
                     - tf.math.unsorted_segment_sum(tf.ones_like(ends_at), ends_at + 1, count + 1))
            keep = tf.cumsum(depth)[:-1] == 0
            at_start = starts_at[:, tf.newaxis]
            unknown = tf.fill(tf.shape(starts_at), self.vocabulary.unknown_id)
            ids = tf.tensor_scatter_nd_update(pieces.ids, at_start, unknown)
            limits = tf.tensor_scatter_nd_update(pieces.limits, at_start, tf.gather(pieces.limits, ends_at))
            return tuple(_kept(pieces._replace(ids=ids, limits=limits), keep))

        return _Pieces(*tf.cond(tf.reduce_any(is_long), replaced, lambda: tuple(pieces)))

    def detokenize(self, ids: tf.Tensor | tf.RaggedTensor | Sequence) -> tf.Tensor:
        """Joins pieces to text: words with a space between them, continuing pieces without.

        Nothing is left out: special tokens, padding included, are written like any other piece, and a continuing piece
        at the beginning keeps its ##.

        Args:
            ids: int32 or int64 `(batch, (pieces))`, ragged or not, or `(pieces,)`.

        Returns:
            string `(batch,)`, or one string.
        """
        if not isinstance(ids, tf.Tensor | tf.RaggedTensor):
            ids = tf.ragged.constant(ids, dtype=tf.int32)
        pieces = tf.ragged.map_flat_values(lambda flat: tf.gather(self._detokenizing, flat), ids)
        text = tf.strings.reduce_join(pieces, axis=-1)
        text = tf.strings.regex_replace(text, "^([^ ])", rf"{SUFFIX_MARK}\1", replace_global=False)
        return tf.strings.regex_replace(text, "^ ", "", replace_global=False)

    def get_config(self) -> dict[str, Any]:
        """Everything that `from_config` needs to build an equal tokeniser, ready for JSON."""
        tokens = self.vocabulary.special_tokens
        return {
            "vocabulary": list(self.vocabulary.pieces),
            "special_tokens": {"pad": tokens.pad, "unknown": tokens.unknown, "cls": tokens.cls, "sep": tokens.sep,
                               "mask": tokens.mask},
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "split_cjk": self.split_cjk,
            "keep_special_tokens": self.keep_special_tokens,
            "max_word_characters": self.max_word_characters,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The inverse of `get_config`."""
        options = dict(config)
        special_tokens = SpecialTokens(**options.pop("special_tokens"))
        return cls(Vocabulary(options.pop("vocabulary"), special_tokens=special_tokens), **options)


def _kernel(pieces: Sequence[str], unknown: str, max_word_characters: int, *, words_only: bool):
    """tf-text's tokeniser; its own constructor turns the model into a Python list, which takes seconds."""
    import tensorflow_text
    from tensorflow_text.core.pybinds import pywrap_fast_wordpiece_tokenizer_model_builder as builder

    model = builder.build_fast_wordpiece_model(
        list(pieces), _BYTES_PER_CHARACTER * max_word_characters, SUFFIX_MARK, unknown, words_only, False)
    return tensorflow_text.FastWordpieceTokenizer(
        model_buffer=_constant(np.frombuffer(model, dtype=np.uint8)), token_out_type=tf.int32)


def _reachable_pieces(vocabulary: Vocabulary, max_word_characters: int) -> list[str]:
    """The pieces, but for those that never come out: repeated, empty or too long ones.

    They are replaced by names of a control character and the id, which the normaliser would have removed from a text.
    """
    pieces = list(vocabulary.pieces)
    for number, piece in enumerate(pieces):
        too_long = len(piece.removeprefix(SUFFIX_MARK)) > max_word_characters
        if not piece or too_long or number in vocabulary.duplicates:
            pieces[number] = f"\x01{number}"
    return pieces


def _constant(values: Any) -> tf.Tensor:
    """A constant that lives outside of every graph, so that functions capture it instead of copying it."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(values)


def _flatten(strings: Strings):
    """The strings as one axis, and a function from (values, row_splits) to the shape of `strings` and an axis more."""
    if not isinstance(strings, tf.Tensor | tf.RaggedTensor):
        nested = isinstance(strings, list | tuple) and any(isinstance(item, list | tuple) for item in strings)
        strings = tf.ragged.constant(strings, tf.string) if nested else tf.convert_to_tensor(strings, tf.string)
    rank = strings.shape.rank
    require(strings.dtype == tf.string, "strings", dtype=strings.dtype.name)
    require(rank is not None, "strings of known rank", shape=strings.shape)
    if rank == 0:
        return strings[tf.newaxis], lambda values, row_splits: values
    if rank > 1 and isinstance(strings, tf.Tensor):
        strings = tf.RaggedTensor.from_tensor(strings, ragged_rank=rank - 1)

    def restore(values, row_splits):
        pieces = tf.RaggedTensor.from_row_splits(values, row_splits, validate=False)
        return pieces if rank == 1 else strings.with_flat_values(pieces)

    return strings if rank == 1 else strings.flat_values, restore


def _rows(row_splits: tf.Tensor) -> tf.Tensor:
    """int64 `(pieces,)`: the row of each piece."""
    return tf.repeat(tf.range(tf.size(row_splits, out_type=tf.int64) - 1), row_splits[1:] - row_splits[:-1])


def _text_starts(texts: tf.Tensor) -> tf.Tensor:
    """int64 `(batch,)`: where each text would start, in bytes, if all were joined."""
    return tf.cumsum(tf.cast(tf.strings.length(texts), tf.int64), exclusive=True)


def _all_in_window(flags: tf.Tensor, size: int) -> tf.Tensor:
    """bool `(flags - size + 1,)`: whether `size` flags from here on are all set."""
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        flags = flags[:-step] & flags[step:]
        reach += step
    return flags


def _kept(pieces: _Pieces, keep: tf.Tensor) -> _Pieces:
    """The pieces for which `keep`, bool `(pieces,)`, is set."""
    before = tf.concat([[0], tf.cumsum(tf.cast(keep, tf.int64))], axis=0)
    flat = (tf.boolean_mask(values, keep) for values in pieces[:3])
    return _Pieces(*flat, tf.gather(before, pieces.row_splits))
