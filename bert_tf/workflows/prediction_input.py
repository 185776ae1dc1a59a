"""The texts of `scripts/predict.py`: from arguments, from a file, from standard input, and what belongs together."""

import itertools
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from bert_tf.config import require
from bert_tf.data.readers import open_text

AT_ONCE = 1000
"""Texts that are read before they are answered: a file may be longer than memory."""


class Row(NamedTuple):
    """A text and where it stands: `argument 1`, `reviews.txt:7`."""

    place: str
    text: str


def read_rows(arguments: Sequence[str], path: str | None) -> Iterator[Row]:
    """The arguments, or else the lines of the file, or else those of standard input.

    Bytes that are not UTF-8 are replaced as Python replaces them. An empty line is a text, too.

    Raises:
        ValueError: there is neither an argument nor a file, and nobody feeds standard input; arguments and a file.
    """
    require(not (arguments and path), "texts as arguments or in --input, not both", arguments=arguments, input=path)
    if arguments:
        yield from (Row(f"argument {number}", text) for number, text in enumerate(arguments, start=1))
    elif path:
        with open_text(pathlib.Path(path)) as stream:
            yield from _lines(stream, path)
    else:
        require(not sys.stdin.isatty(), "texts as arguments, in --input or on standard input", arguments=arguments)
        yield from _lines(sys.stdin.buffer, "standard input")


def columns_of(row: Row, names: Sequence[str]) -> list[str]:
    """Splits a line at its tabs.

    Raises:
        ValueError: it has not as many columns as `names`; names the place.
    """
    columns = row.text.split("\t")
    expected = f"{' and '.join(names)}, separated by a tab," if len(names) > 1 else f"a {names[0]} without tabs"
    require(len(columns) == len(names), f"{expected} in {row.place}", text=row.text[:200])
    return columns


def blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, `AT_ONCE` at a time."""
    iterator = iter(rows)
    while block := list(itertools.islice(iterator, AT_ONCE)):
        yield block


def _lines(stream: BinaryIO, name: str) -> Iterator[Row]:
    for number, line in enumerate(stream, start=1):
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors="replace")
        yield Row(f"{name}:{number}", text)
