"""Plain records of the fine-tuning tasks, and a count of what their readers met."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bert_tf.config import require
from bert_tf.data.readers import decoded_lines

_MAX_PLACES = 10


@dataclasses.dataclass(frozen=True, slots=True)
class TextExample:
    """A text or a pair of texts.

    Attributes:
        text: the text, or the first of a pair.
        second_text: the second of a pair; None for single texts.
        label: as it stands in the file, a score too; None where there is none.
        place: `file:line`.
    """

    text: str
    second_text: str | None = None
    label: str | None = None
    place: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Words and, if the file has them, their tags, which are BIO; `place` is that of the first word."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    place: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A right answer; `start` counts characters of the context, None if the text does not stand where the file says."""

    text: str
    start: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A question about a context.

    Attributes:
        id: its name in the file.
        question: the question.
        context: where the answer stands.
        answers: right answers; none if there is no answer, or if the file does not tell.
        is_impossible: the file says that there is no answer (SQuAD 2.0).
        place: `file:id`.
    """

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] = ()
    is_impossible: bool = False
    place: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A context, its possible continuations, and which of them is right; `label` is None where the file has none."""

    context: str
    choices: tuple[str, ...]
    label: int | None = None
    place: str = ""


@dataclasses.dataclass
class ExampleCounts:
    """What a reader met; it adds to the object it is given.

    Attributes:
        examples: examples read.
        skipped: reason -> rows left out for it.
        places: reason -> the places of the first ten of them, `file:line`.
        lines_not_utf8: lines from which invalid bytes were dropped.
        first_line_not_utf8: `file:line` of the first of them, or "".
    """

    examples: int = 0
    skipped: dict[str, int] = dataclasses.field(default_factory=dict)
    places: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    lines_not_utf8: int = 0
    first_line_not_utf8: str = ""

    def skip(self, reason: str, place: str) -> None:
        """Counts one row that is left out."""
        self._skip(reason, 1, [place])

    def _skip(self, reason: str, number: int, places: list[str]) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + number
        self.places[reason] = (self.places.get(reason, []) + places)[:_MAX_PLACES]

    def add(self, other: "ExampleCounts") -> None:
        """Adds what another reader met."""
        self.examples += other.examples
        self.lines_not_utf8 += other.lines_not_utf8
        self.first_line_not_utf8 = self.first_line_not_utf8 or other.first_line_not_utf8
        for reason, number in other.skipped.items():
            self._skip(reason, number, other.places[reason])

    def to_dict(self) -> dict[str, Any]:
        """For the report."""
        return dataclasses.asdict(self)


def text_lines(path: pathlib.Path, counts: ExampleCounts) -> Iterator[tuple[int, str]]:
    """Numbered lines of a plain or `.gz` file without their line end; white space stays.

    Invalid UTF-8 is dropped byte by byte and counted; a byte-order mark is dropped.
    """
    for number, text in decoded_lines(path, counts):
        yield number, text.removesuffix("\n").removesuffix("\r")


def encodable(text: str) -> str:
    """Replaces lone surrogates, which JSON can hold and UTF-8 cannot, by U+FFFD: as many characters as before."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def require_examples(examples: list, source: Any, counts: ExampleCounts) -> None:
    """Refuses a source without examples.

    Args:
        examples: what was read.
        source: its name.
        counts: what was met in this source.

    Raises:
        ValueError: there are none, or more rows were skipped than read, so the file is not what it was taken for.
    """
    reasons = "; ".join(f"{number} x {reason}, first at {counts.places[reason][0]}"
                        for reason, number in counts.skipped.items())
    require(len(examples) > 0, f"at least one example in {source}", examples=0, skipped=reasons)
    require(len(examples) >= sum(counts.skipped.values()), f"most rows of {source} to be usable",
            examples=len(examples), skipped=reasons)


def require_alike(examples: Iterable[TextExample], first: TextExample) -> None:
    """Refuses pairs among single texts, and single texts among pairs.

    Args:
        examples: what is looked at.
        first: says which of them they should be.

    Raises:
        ValueError: names the file and the line.
    """
    are_pairs = first.second_text is not None
    kind = "pairs of texts" if are_pairs else "single texts"
    for example in examples:
        require((example.second_text is not None) == are_pairs, f"{kind} at {example.place}, as at {first.place}",
                second_text=example.second_text)


def count_labels(labels: Iterable[str]) -> dict[str, int]:
    """How often each label occurs, in the order of `ordered_labels`."""
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return {label: counts[label] for label in ordered_labels(counts)}


def ordered_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """The different labels in the order in which a model numbers them: as numbers if all are, else as text."""
    labels = set(labels)
    if all(re.fullmatch(r"[+-]?\d+", label) for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))
