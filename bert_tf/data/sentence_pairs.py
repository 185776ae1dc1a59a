"""Pairs of texts with a score of their similarity, or pairs alone, for training sentence vectors."""

import math
from collections.abc import Sequence

from bert_tf.config import require
from bert_tf.data.columns import TableFormat
from bert_tf.data.examples import ExampleCounts, TextExample
from bert_tf.data.tables import read_table


def read_pairs(source: str | Sequence[str], table_format: TableFormat | None = None, *, split: str = "train",
               labelled: bool = True, counts: ExampleCounts | None = None) -> list[TextExample]:
    """Reads a table of pairs; their labels are scores, or None for all where the table has no such column.

    Raises:
        ValueError: as `read_table`; no second text; if `labelled` a score that is no number, with file and line.
    """
    examples = read_table(source, table_format, split=split, labelled=False, counts=counts)
    require(examples[0].second_text is not None,
            f"two texts in every row of {source}; name their columns, or give their numbers from 0",
            second_text=None)
    has_scores = any(example.label is not None for example in examples)
    if labelled and has_scores:
        number_labels(examples)
    return examples


def number_labels(examples: Sequence[TextExample]) -> list[float]:
    """The labels as numbers.

    Raises:
        ValueError: a label that is no finite number, with file and line.
    """
    return [_number(example) for example in examples]


def _number(example: TextExample) -> float:
    try:
        number = float(example.label)
    except (TypeError, ValueError):
        number = math.nan
    require(math.isfinite(number), f"a number as score at {example.place}", score=example.label)
    return number


def similarities(examples: Sequence[TextExample], score_range: tuple[float, float]) -> list[float]:
    """The scores as similarities in [0, 1], the cosine that an embedder is to give.

    Args:
        examples: pairs with scores.
        score_range: the scores that mean "nothing in common" and "the same"; 0 and 5 in STS-B.

    Raises:
        ValueError: a score beyond the range, with file and line.
    """
    low, high = score_range
    require(low < high, "`score_range` from low to high", score_range=score_range)
    scores = number_labels(examples)
    for example, score in zip(examples, scores, strict=True):
        require(low <= score <= high, f"a score in {score_range} at {example.place}", score=score)
    return [(score - low) / (high - low) for score in scores]


def score_range(examples: Sequence[TextExample]) -> tuple[float, float]:
    """The usual range that the scores lie in: 0-1, 0-5 (STS), -1-1, else from the least to the greatest."""
    scores = number_labels(examples)
    least, greatest = min(scores), max(scores)
    for low, high in ((0.0, 1.0), (0.0, 5.0), (-1.0, 1.0)):
        if low <= least and greatest <= high:
            return low, high
    require(least < greatest, "scores that differ", score=least)
    return least, greatest
