"""Which column of a table is the text, which the second text, which the label."""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bert_tf.config import require

Row = tuple[str, list[str]]
"""`file:line` and the fields."""


class Table(NamedTuple):
    """A table in memory.

    Attributes:
        name: the file's path.
        header: names of the columns; None if the file has none.
        rows: each with as many fields as the first line.
    """

    name: str
    header: list[str] | None
    rows: list[Row]


TABLE_LAYOUTS = ("csv", "tsv", "jsonl")

_PAIRS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
          ("question", "passage"), ("query", "passage"), ("text1", "text2"), ("text_a", "text_b"),
          ("sentence_a", "sentence_b"), ("first", "second"), ("anchor", "positive"), ("#1 string", "#2 string"))
_SINGLE = ("sentence", "text", "review", "content", "document", "comment", "tweet", "utterance", "question")
_LABELS = ("gold_label", "label", "labels", "score", "is_duplicate", "quality", "class", "category", "target",
           "sentiment", "similarity", "rating")


@dataclasses.dataclass(frozen=True)
class TableFormat:
    """How a table is laid out; what is None is found from the file.

    Attributes:
        layout: one of `TABLE_LAYOUTS`; by default the name's ending says it, `.gz` left aside.
        has_header: the first line names the columns.
        text: name or number (from 0) of the column of the text, or of the first text of a pair.
        second_text: the same for the second text of a pair; "" for single texts.
        label: the same for the label or score.
    """

    layout: str | None = None
    has_header: bool | None = None
    text: str | int | None = None
    second_text: str | int | None = None
    label: str | int | None = None

    def __post_init__(self):
        require(self.layout is None or self.layout in TABLE_LAYOUTS,
                f"`layout` to be one of {', '.join(TABLE_LAYOUTS)}", layout=self.layout)


class Columns(NamedTuple):
    """Numbers of the columns, from 0; `second_text` and `label` may be None."""

    text: int
    second_text: int | None
    label: int | None


def looks_like_header(fields: Sequence[str], table_format: TableFormat) -> bool:
    """Whether the first line has a name that is asked for, an unmistakable one, or two usual ones."""
    names = {field.strip().lower() for field in fields}
    asked = {str(name).lower() for name in (table_format.text, table_format.second_text, table_format.label)
             if name not in (None, "") and not str(name).isdecimal()}
    return bool((asked | _UNMISTAKABLE) & names) or len(names & _KNOWN) >= min(2, len(fields))


_UNMISTAKABLE = {"label", "labels", "gold_label", "score", "sentence1", "sentence2"}
_KNOWN = {*_SINGLE, *_LABELS, "index", "id", "idx", *(name for pair in _PAIRS for name in pair)}


def find_columns(table: Table, table_format: TableFormat, labelled: bool) -> Columns:
    """The columns that are asked for, else those with usual names, else text and label of a table of two columns.

    Args:
        table: at least one row.
        table_format: what is asked for.
        labelled: insist on a column of labels.

    Raises:
        ValueError: a column that the table does not have, or no column is obviously the text or the label.
    """
    width = len(table.rows[0][1])
    text, second_text, label = (
        _asked(table, name, width) for name in (table_format.text, table_format.second_text, table_format.label))
    names = {name.lower(): number for number, name in reversed(list(enumerate(table.header or [])))}
    if label is None:
        label = next((names[name] for name in _LABELS if name in names), None)
    if text is None:
        text, second_text = _usual_texts(names, second_text, table_format.second_text == "")
    if text is None and table.header is None and width == 1 and not labelled:
        text = 0
    if text is None and width == 2 and (table.header is None or label is not None):
        text, label = _text_and_label(table, label)
    known: dict[str, object] = {"columns": table.header}
    if table.header is None:
        known = {"columns": f"{width} without names", "first_line": _first_line(table)}
    require(text is not None, f"to find the column of the text in {table.name}; name it, or give its number from 0",
            **known)
    require(label is not None or not labelled,
            f"to find the column of the label in {table.name}; name it, or give its number from 0", **known)
    if labelled and table.header is None and table_format.has_header is None:
        _check_first_label(table, label)
    return Columns(text, second_text, label)


def _check_first_label(table: Table, label: int) -> None:
    """Refuses a first line that is probably names: of ten or more, the only one with its label, and that a word."""
    first, *others = (fields[label].strip() for _, fields in table.rows)
    counts = Counter(filter(None, others))
    is_name = (len(others) >= 9 and bool(re.search(r"[^\W\d]", first)) and first not in counts
               and min(counts.values(), default=0) > 1)
    require(not is_name, f"`header`, true or false, for {table.name}: its first line may name the columns, because no "
            "other line has its label", first_line=_first_line(table))


def _first_line(table: Table) -> list[str]:
    """For an error: the fields, cut."""
    return [field[:40] for field in table.rows[0][1]]


def _asked(table: Table, column: str | int | None, width: int) -> int | None:
    """The number of a column that the user named or numbered."""
    if column is None or column == "":
        return None
    if table.header is not None and column in table.header:
        return table.header.index(column)
    known = table.header if table.header is not None else f"{width}, without names"
    require(str(column).isdecimal() and int(column) < width, f"a column of {table.name}", column=column, columns=known)
    return int(column)


def _usual_texts(names: dict[str, int], second_text: int | None, is_single: bool) -> tuple[int | None, int | None]:
    if second_text is None and not is_single:
        for first, second in _PAIRS:
            if first in names and second in names:
                return names[first], names[second]
    firsts = (*_SINGLE, *(first for first, _ in _PAIRS))
    return next((names[name] for name in firsts if name in names), None), second_text


def _text_and_label(table: Table, label: int | None) -> tuple[int, int]:
    """Of two columns the one with fewer different values is the label, if its name does not say so."""
    if label is None:
        different = [len({fields[column] for _, fields in table.rows}) for column in (0, 1)]
        label = 0 if different[0] < different[1] else 1
    return 1 - label, label
