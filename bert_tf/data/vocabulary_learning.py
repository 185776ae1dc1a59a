"""learn_vocabulary: a WordPiece vocabulary from a corpus, the same one in every run.

The trainer of Hugging Face's `tokenizers` does the learning: it joins the most frequent pair of pieces again and again
(byte-pair encoding, Sennrich et al. 2016; Google never published the program that made BERT's vocabularies). By itself
it numbers characters in the order of a randomised hash table, and so breaks ties differently in every run. Here the
characters are chosen and numbered beforehand.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from bert_tf.config import require
from bert_tf.data.readers import ReadCounts, read_lines
from bert_tf.text.vocabulary import SUFFIX_MARK, SpecialTokens

_BATCH_LINES = 1000
# With pieces for a smaller share of the text's characters, too many words would be [UNK].
_MIN_COVERAGE = 0.98


def learn_vocabulary(source: str | Sequence[str], size: int, *, lowercase: bool = True,
                     strip_accents: bool | None = None, split_cjk: bool = True, max_word_characters: int = 100,
                     min_frequency: int = 2, show_progress: bool = False, counts: ReadCounts | None = None,
                     size_name: str = "size") -> list[str]:
    """Learns word pieces from text, which is read three times.

    Text is normalised and cut into words as by a `WordPieceTokenizer` with the same options. Every character that
    occurs `min_frequency` times is a piece, and another one with "##" if it continues words; if that takes more than
    half of the vocabulary, only the most frequent characters are.

    Args:
        source: files or `tfds:NAME` as in `readers.read_lines`; the layout does not matter.
        size: number of pieces wanted.
        lowercase: as in `WordPieceTokenizer`.
        strip_accents: as in `WordPieceTokenizer`.
        split_cjk: as in `WordPieceTokenizer`.
        max_word_characters: as in `WordPieceTokenizer`; nothing is learned from longer words.
        min_frequency: how often a character or a pair of pieces has to occur.
        show_progress: draw the trainer's progress bars on stderr.
        counts: counts lines that are not UTF-8, if given.
        size_name: what the user knows `size` as, for errors.

    Returns:
        The pieces in the order of their ids: the five `SpecialTokens`, characters, characters with "##", then what was
        learned, most frequent first. Fewer than `size` if a small corpus has no more frequent pairs.

    Raises:
        ValueError: there is no text, or `size` is too small for its characters.
    """
    require(min_frequency >= 1, "`min_frequency` >= 1", min_frequency=min_frequency)
    specials = list(dataclasses.astuple(SpecialTokens()))
    tokenizer = Tokenizer(models.WordPiece())
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=split_cjk, strip_accents=strip_accents, lowercase=lowercase)
    too_long = Regex(rf"^[\s\S]{{{max_word_characters + 1},}}$")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Split(too_long, "removed")])

    frequencies = _count_characters(read_lines(source, counts), tokenizer)
    alphabet = _choose_alphabet(frequencies, size, len(specials), min_frequency, tokenizer, size_name)

    def train(train_size: int, first: list[str]) -> list[str]:
        trainer = trainers.WordPieceTrainer(
            vocab_size=train_size, min_frequency=min_frequency, special_tokens=first, initial_alphabet=alphabet,
            limit_alphabet=len(alphabet), continuing_subword_prefix=SUFFIX_MARK, show_progress=show_progress)
        tokenizer.train_from_iterator(_batches(read_lines(source)), trainer)
        ids = tokenizer.get_vocab()
        return sorted(ids, key=ids.get)

    # Trained to nothing, it says which characters continue words; named as special tokens, they are numbered in order.
    suffixes = sorted(set(train(0, specials)) - {*specials, *alphabet})
    first = [*specials, *alphabet, *suffixes]
    known = set(first)
    return first + [piece for piece in train(size, [*specials, *suffixes]) if piece not in known]


def _count_characters(lines: Iterable[str], tokenizer: Tokenizer) -> collections.Counter:
    """How often each character occurs in normalised text, white space left out."""
    raw = collections.Counter()
    for batch in _batches(lines):
        raw.update("".join(batch))
    frequencies = collections.Counter()
    for character, frequency in raw.items():
        for normalized in "".join(tokenizer.normalizer.normalize_str(character).split()):
            frequencies[normalized] += frequency
    return frequencies


def _choose_alphabet(frequencies: collections.Counter, size: int, num_specials: int, min_frequency: int,
                     tokenizer: Tokenizer, size_name: str) -> list[str]:
    """The most frequent characters that, with their "##", fit into half of the vocabulary; sorted by code point."""
    ranked = sorted((character for character, frequency in frequencies.items() if frequency >= min_frequency),
                    key=lambda character: (-frequencies[character], character))
    require(bool(ranked), "text to learn a vocabulary from", characters=frequencies.total())
    places = np.cumsum([1 if _stands_alone(character, tokenizer) else 2 for character in ranked])
    covered = np.cumsum([frequencies[character] for character in ranked])
    num_needed = int(np.searchsorted(covered, _MIN_COVERAGE * covered[-1])) + 1
    min_size = num_specials + 2 * int(places[num_needed - 1])
    require(size >= min_size, f"`{size_name}` >= {min_size}, since characters take up to half of it and {num_needed} "
            f"of them make up {_MIN_COVERAGE:.0%} of this text", **{size_name: size})
    num_fitting = int(np.searchsorted(places, (size - num_specials) // 2, side="right"))
    return sorted(ranked[:num_fitting])


def _stands_alone(character: str, tokenizer: Tokenizer) -> bool:
    """Whether a character is always a word of its own: punctuation and, if they are split, CJK ideographs."""
    text = tokenizer.normalizer.normalize_str(f"a{character}a")
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(text)) == 3


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    batch = []
    for line in lines:
        batch.append(line)
        if len(batch) == _BATCH_LINES:
            yield batch
            batch = []
    if batch:
        yield batch
