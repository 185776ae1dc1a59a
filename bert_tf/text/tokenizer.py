"""WordPieceTokenizer: strings to word pieces and back, in graph, with the ids that Google's BERT gives."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf

from bert_tf.config import require
from bert_tf.text.kernels import UNREACHABLE, build_normalizer, build_splitter
from bert_tf.text.long_words import LongWordFilter
from bert_tf.text.offsets import in_original
from bert_tf.text.pieces import Pieces, joined, outside_of_graphs
from bert_tf.text.special_tokens import SpecialTokenFinder
from bert_tf.text.vocabulary import SUFFIX_MARK, SpecialTokens, Vocabulary
from bert_tf.text.word_splitting import split_words

Strings = tf.Tensor | tf.RaggedTensor | Sequence

_WORTH_HALVING = 16  # texts


class WordPieceTokenizer(tf.Module):
    """Splits text into word pieces exactly as Google's BERT and Hugging Face's fast tokeniser do.

    Text is normalised (`normalization.py`) and split at white space, around punctuation and around CJK ideographs. A
    word is split into the longest pieces of the vocabulary from left to right, or becomes one [UNK] if that fails or if
    it is too long. Bytes that are not UTF-8 are dropped.

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

        self._normalizer = build_normalizer(lowercase=lowercase, strip_accents=self.strips_accents)
        pieces = _reachable_pieces(vocabulary, max_word_characters)
        self._splitter = build_splitter(pieces, unknown=vocabulary.special_tokens.unknown,
                                        max_word_characters=max_word_characters, takes_words=not split_cjk)
        num_characters = np.array([min(len(piece.removeprefix(SUFFIX_MARK)), max_word_characters) for piece in pieces])
        self._long_word_filter = LongWordFilter(
            is_suffix=vocabulary.is_suffix, num_characters=num_characters, unknown_id=vocabulary.unknown_id,
            max_word_characters=max_word_characters)
        if keep_special_tokens:
            tokens = dataclasses.astuple(vocabulary.special_tokens)
            self._special_token_finder = SpecialTokenFinder(dict(zip(tokens, vocabulary.special_ids, strict=True)))
        self._joinable = outside_of_graphs(
            [piece.removeprefix(SUFFIX_MARK) if is_suffix else f" {piece}"
             for piece, is_suffix in zip(vocabulary.pieces, vocabulary.is_suffix, strict=True)])

        # Closures, because tf.Module would export functions that are attributes.
        without_long_words = tf.function(self._long_word_filter.apply, autograph=False)
        self._without_long_words = lambda pieces: without_long_words(pieces)
        self._run_plain = _traced_once(self._plain_pieces)
        self._run_with_special_tokens = _traced_once(self._pieces_with_special_tokens)

    @property
    def strips_accents(self) -> bool:
        """Whether accents are dropped: `strip_accents`, or where that is None `lowercase`."""
        return self.lowercase if self.strip_accents is None else self.strip_accents

    @tf.autograph.experimental.do_not_convert
    def tokenize(self, strings: Strings) -> tf.RaggedTensor:
        """Word pieces of each string.

        Args:
            strings: UTF-8, of any known rank: one string, `(batch,)`, or more axes, ragged or not.

        Returns:
            int32, the axes of `strings` and a ragged one of pieces: `(batch, (pieces))`; `(pieces,)` for one string.
        """
        (pieces,) = self._tokenize(strings, with_offsets=False)
        return pieces

    @tf.autograph.experimental.do_not_convert
    def tokenize_with_offsets(self, strings: Strings) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Word pieces of each string and where they come from.

        Args:
            strings: as in `tokenize`.

        Returns:
            `(ids, starts, limits)`, each shaped like the result of `tokenize`; starts and limits are int64 offsets in
            bytes of the original string. They enclose the characters a piece was made of, so marks that were dropped
            behind its last character are outside; pieces that were made of one character (Hangul syllables, when
            accents are stripped) all have that character's offsets.
        """
        return self._tokenize(strings, with_offsets=True)

    def _tokenize(self, strings: Strings, *, with_offsets: bool) -> tuple[tf.RaggedTensor, ...]:
        texts, restore = _flatten(strings)
        ids, starts, limits, row_splits = self._pieces(texts, with_offsets)
        return tuple(restore(values, row_splits) for values in ((ids, starts, limits) if with_offsets else (ids,)))

    def _pieces(self, texts: tf.Tensor, with_offsets: bool) -> Pieces:
        """The pieces of texts `(batch,)`; their offsets mean nothing unless `with_offsets`."""
        run = self._run_with_special_tokens if self.keep_special_tokens else self._run_plain
        return run(texts, with_offsets)

    def _pieces_with_special_tokens(self, texts: tf.Tensor, with_offsets: bool) -> Pieces:
        """As `_pieces`, special tokens being looked for."""
        finder = self._special_token_finder
        if with_offsets:
            pieces = self._run_plain(texts, True)
            return Pieces(*tf.cond(finder.any_in(texts), lambda: tuple(finder.put_in(texts, pieces)),
                                   lambda: tuple(pieces)))
        return Pieces(*tf.cond(finder.any_in(texts), lambda: tuple(finder.put_in(texts, self._run_plain(texts, True))),
                               lambda: tuple(self._run_plain(texts, False))))

    def _plain_pieces(self, texts: tf.Tensor, with_offsets: bool) -> Pieces:
        """As `_pieces`, special tokens being plain text."""
        if texts.shape[0] is not None and texts.shape[0] < _WORTH_HALVING:
            pieces, origins = self._run_kernels(texts, with_offsets)
        else:
            middle = tf.size(texts) // 2
            halves = [self._run_kernels(half, with_offsets) for half in (texts[:middle], texts[middle:])]
            pieces = joined(*(half[0] for half in halves))
            origins = tf.concat([half[1] for half in halves], axis=0) if with_offsets else None
        pieces = self._without_long_words(pieces)
        return in_original(texts, pieces, origins) if with_offsets else pieces

    def _run_kernels(self, texts: tf.Tensor, with_offsets: bool) -> tuple[Pieces, tf.RaggedTensor | None]:
        """Normalises and splits.

        Returns:
            The pieces with offsets in bytes of the normalised texts, and, `with_offsets`, the origins of these bytes in
            the texts, `(batch, (bytes + 1))`.
        """
        if with_offsets:
            normalized, origins = self._normalizer.normalize_with_offsets(texts)
        else:
            normalized, origins = self._normalizer.normalize(texts), None
        if self.split_cjk:
            ids, starts, limits = self._splitter.tokenize_with_offsets(normalized)
            return Pieces(ids.values, starts.values, limits.values, ids.row_splits), origins
        words, word_starts, word_splits = split_words(normalized)
        ids, starts, limits = self._splitter.tokenize_with_offsets(words)
        shift = tf.gather(word_starts, ids.value_rowids())
        row_splits = tf.gather(ids.row_splits, word_splits)
        return Pieces(ids.values, starts.values + shift, limits.values + shift, row_splits), origins

    @tf.autograph.experimental.do_not_convert
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
        pieces = tf.ragged.map_flat_values(lambda flat: tf.gather(self._joinable, flat), ids)
        text = tf.strings.reduce_join(pieces, axis=-1)
        text = tf.strings.regex_replace(text, "^([^ ])", rf"{SUFFIX_MARK}\1", replace_global=False)
        return tf.strings.regex_replace(text, "^ ", "", replace_global=False)

    def get_config(self) -> dict[str, Any]:
        """Everything that `from_config` needs to build an equal tokeniser, ready for JSON."""
        return {
            "vocabulary": list(self.vocabulary.pieces),
            "special_tokens": dataclasses.asdict(self.vocabulary.special_tokens),
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


def _reachable_pieces(vocabulary: Vocabulary, max_word_characters: int) -> list[str]:
    """The pieces, with unique placeholders for those that never come out: repeated, empty or too long ones."""
    pieces = list(vocabulary.pieces)
    for number, piece in enumerate(pieces):
        too_long = len(piece.removeprefix(SUFFIX_MARK)) > max_word_characters and number != vocabulary.unknown_id
        if not piece or too_long or number in vocabulary.duplicates or UNREACHABLE in piece:
            pieces[number] = f"{UNREACHABLE}{number}"
    return pieces


def _traced_once(method: Callable[[tf.Tensor, bool], Pieces]) -> Callable[[tf.Tensor, bool], Pieces]:
    """A method from texts `(batch,)` and `with_offsets` to pieces as a function that all graphs share.

    It is a function outside of graphs, too, where the two halves of a batch are to run at the same time. Only a graph
    that knows how many texts there are has a method of its own.
    """
    texts = tf.TensorSpec([None], tf.string)
    plain, exact = (tf.function(functools.partial(method, with_offsets=with_offsets), input_signature=[texts],
                                autograph=False) for with_offsets in (False, True))

    def run(texts: tf.Tensor, with_offsets: bool) -> Pieces:
        if not tf.executing_eagerly() and texts.shape[0] is not None:
            return method(texts, with_offsets)
        return (exact if with_offsets else plain)(texts)

    return run


def _flatten(strings: Strings) -> tuple[tf.Tensor, Callable]:
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
