"""Learns a vocab.txt from the user's text and says how well it fits."""

import itertools
import shlex
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf.config import PretrainingConfig, require
from bert_tf.data.readers import ReadCounts, read_lines
from bert_tf.data.vocabulary_learning import learn_vocabulary
from bert_tf.reports.tables import print_table
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import Vocabulary

_SAMPLE_LINES = 10_000


def write_vocabulary(source: str, size: int, output: str | Path, *, lowercase: bool = True,
                     strip_accents: bool | None = None, split_cjk: bool = True,
                     overwrite: bool = False) -> dict[str, Any]:
    """Writes a vocab.txt; the file appears only when it is complete.

    Args:
        source: files or `tfds:NAME` as in `readers.read_lines`.
        size: number of pieces wanted.
        output: file to write.
        lowercase: as in `WordPieceTokenizer`.
        strip_accents: as in `WordPieceTokenizer`.
        split_cjk: as in `WordPieceTokenizer`.
        overwrite: replace `output` if it exists.

    Returns:
        What `describe_vocabulary` finds on the first 10,000 lines, and `size_wanted`, `lines_not_utf8`,
        `first_line_not_utf8`, `word_splitting`, the three options.

    Raises:
        ValueError: `output` exists, or `source` or `size` do not do.
    """
    output = Path(output)
    require(overwrite or not output.exists(), "a file that does not exist, or --overwrite", output=str(output))
    logging.info("Learning %d pieces from %s", size, source)
    counts = ReadCounts()
    word_splitting = dict(lowercase=lowercase, strip_accents=strip_accents, split_cjk=split_cjk)
    pieces = learn_vocabulary(source, size, show_progress=sys.stderr.isatty(), counts=counts, **word_splitting)
    vocabulary = Vocabulary(pieces)
    output.parent.mkdir(parents=True, exist_ok=True)
    vocabulary.save(output)
    sample = list(itertools.islice(read_lines(source), _SAMPLE_LINES))
    return describe_vocabulary(WordPieceTokenizer(vocabulary, **word_splitting), sample) | dict(
        size_wanted=size, lines_not_utf8=counts.lines_not_utf8, first_line_not_utf8=counts.first_line_not_utf8,
        word_splitting=word_splitting)


def describe_vocabulary(tokenizer: WordPieceTokenizer, texts: list[str]) -> dict[str, Any]:
    """How a vocabulary fits texts.

    Returns:
        `size`; `longest_pieces`, ten of them; on the texts: `words` as the tokeniser cuts them, `pieces_per_word`,
        `unknown_share` of the words that are [UNK].
    """
    vocabulary = tokenizer.vocabulary
    words = pieces = unknown = 0
    for batch in tf.data.Dataset.from_tensor_slices(texts).batch(1000):
        ids = tokenizer.tokenize(batch).flat_values
        pieces += int(tf.size(ids))
        words += int(tf.math.count_nonzero(tf.gather(~vocabulary.is_suffix, ids)))
        unknown += int(tf.math.count_nonzero(ids == vocabulary.unknown_id))
    longest = sorted(vocabulary.pieces, key=len, reverse=True)[:10]
    return dict(size=len(vocabulary), longest_pieces=longest, words=words, pieces_per_word=pieces / max(words, 1),
                unknown_share=unknown / max(words, 1))


def print_vocabulary_summary(summary: dict[str, Any], output: str) -> None:
    """Prints what `write_vocabulary` returns, and what to do next."""
    print_table((f"on {summary['words']:,} words", output), [
        ("pieces", summary["size"]),
        ("pieces per word", f"{summary['pieces_per_word']:.3f}"),
        ("words that are [UNK]", f"{summary['unknown_share']:.3%}"),
        ("longest pieces", ", ".join(summary["longest_pieces"])),
    ])
    if summary["size"] < summary["size_wanted"]:
        print(f"{summary['size']:,} instead of {summary['size_wanted']:,} pieces: the text has no more that repeat.")
    if summary["lines_not_utf8"]:
        print(f"{summary['lines_not_utf8']:,} lines are not valid UTF-8, the first at "
              f"{summary['first_line_not_utf8']}: the bytes in question were dropped.")
    options = "".join(f" --{'' if value else 'no'}{name}" for name, value in summary["word_splitting"].items()
                      if value != getattr(PretrainingConfig, name))
    print(f"Pre-train with it: python scripts/pretrain.py --vocabulary={shlex.quote(output)}{options} --input=...")
