"""CSV, TSV and JSON lines as rows of text fields."""

import contextlib
import csv
import json
import pathlib
from collections.abc import Iterator

from bert_tf.config import require
from bert_tf.data.columns import Row, Table, TableFormat, looks_like_header
from bert_tf.data.examples import ExampleCounts, encodable, text_lines


def load_table(path: pathlib.Path, table_format: TableFormat, counts: ExampleCounts) -> Table:
    """Reads a table; rows with another number of fields than the first line are skipped and counted.

    Raises:
        ValueError: the layout cannot be told from the name, CSV quoting is broken, or the file is empty.
    """
    layout = table_format.layout or layout_of(path)
    if layout == "jsonl":
        return _json_table(path, counts)
    rows = (_csv_rows if layout == "csv" else _tsv_rows)(path, counts)
    place, first = next(rows, (None, None))
    require(place is not None, f"rows in {path}", rows=0)
    has_header = table_format.has_header
    if has_header is None:
        has_header = looks_like_header(first, table_format)
    kept = [] if has_header else [(place, first)]
    for place, fields in rows:
        if len(fields) == len(first):
            kept.append((place, fields))
        else:
            counts.skip("another number of fields than the first line", place)
    return Table(str(path), [name.strip() for name in first] if has_header else None, kept)


def layout_of(path: pathlib.Path) -> str:
    """The layout that the ending of the name says, `.gz` left aside."""
    ending = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    layouts = {"csv": "csv", "tsv": "tsv", "txt": "tsv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl"}
    require(ending in layouts, "a name that ends in .csv, .tsv or .jsonl, or a `layout`", file=str(path))
    return layouts[ending]


def _tsv_rows(path: pathlib.Path, counts: ExampleCounts) -> Iterator[Row]:
    """A row per line, quotation marks are plain text, as in GLUE."""
    return ((f"{path}:{number}", line.split("\t")) for number, line in text_lines(path, counts) if line)


def _csv_rows(path: pathlib.Path, counts: ExampleCounts) -> Iterator[Row]:
    with _fields_of_any_length():
        reader = csv.reader((f"{line}\n" for _, line in text_lines(path, counts)), strict=True)
        start = 1
        try:
            for fields in reader:
                if fields:
                    yield f"{path}:{start}", fields
                start = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"Expected CSV, with quotation marks inside a quoted field doubled, at {path}:{start}. "
                             f"Received: {error}.") from None


@contextlib.contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lifts the csv module's limit of 131,072 characters for a field, which is one for the whole process."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _json_table(path: pathlib.Path, counts: ExampleCounts) -> Table:
    """A column for each key that an object has; the first one may lack some."""
    objects = list(json_objects(path, counts))
    header = list(dict.fromkeys(name for _, values in objects for name in values))
    return Table(str(path), header, [(place, [_as_text(values.get(name)) for name in header])
                                     for place, values in objects])


def json_objects(path: pathlib.Path, counts: ExampleCounts) -> Iterator[tuple[str, dict]]:
    """`file:line` and the object of each line; a line that holds none is skipped and counted."""
    for number, line in text_lines(path, counts):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            values = None
        if isinstance(values, dict) and values:
            yield f"{path}:{number}", values
        else:
            counts.skip("not a JSON object on one line", f"{path}:{number}")


def _as_text(value: object) -> str:
    """A field as text: null is empty, numbers and truth values as JSON writes them."""
    if value is None:
        return ""
    return encodable(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
