"""SWAG's CSV and JSON lines -> a context and its possible continuations.

```
sent1, sent2, ending0 ... ending3, label               SWAG, as published for training and in Hugging Face's data sets
startphrase, gold-ending, distractor-0 ...             SWAG, the full release
{"context": ..., "choices": [...], "label": 0}         also `question` and `endings`
```
"""

import pathlib
import re
from collections.abc import Iterator, Sequence

from bert_tf.config import require
from bert_tf.data.columns import Table, TableFormat
from bert_tf.data.examples import ChoiceExample, ExampleCounts, encodable, require_examples
from bert_tf.data.readers import find_files
from bert_tf.data.table_files import json_objects, layout_of, load_table


def read_choices(source: str | Sequence[str], *, labelled: bool = True,
                 counts: ExampleCounts | None = None) -> list[ChoiceExample]:
    """Reads all rows; those without text, with one choice or without a label are skipped and counted.

    In SWAG's columns the context is `sent1` and a choice is `sent2` and its ending, as in the paper (Devlin et al.
    2018, section 4.4). Where the right ending has a column of its own, it is put among the others at the place that the
    row's number says.

    Args:
        source: patterns as in `find_files`; .csv, .tsv or .jsonl.
        labelled: False gives no labels, whatever the file has: nothing, or the -1 of SWAG's test set.
        counts: counts what is read, if given.

    Raises:
        ValueError: columns that are not SWAG's; a label that is no choice, with file and line; no example.
    """
    here = ExampleCounts()
    examples = []
    for path in find_files(source):
        if layout_of(path) == "jsonl":
            rows = _json_rows(path, labelled, here)
        else:
            rows = _table_rows(load_table(path, TableFormat(has_header=True), here), labelled)
        examples += _checked(rows, labelled, here)
    require_examples(examples, source, here)
    here.examples = len(examples)
    if counts is not None:
        counts.add(here)
    return examples


def _checked(rows: Iterator[ChoiceExample], labelled: bool, counts: ExampleCounts) -> Iterator[ChoiceExample]:
    for row in rows:
        if not row.context.strip() or not all(choice.strip() for choice in row.choices):
            counts.skip("empty text", row.place)
        elif len(row.choices) < 2:
            counts.skip("less than two choices", row.place)
        elif labelled and row.label is None:
            counts.skip("empty label", row.place)
        else:
            require(row.label is None or 0 <= row.label < len(row.choices),
                    f"a label from 0 to {len(row.choices) - 1} at {row.place}", label=row.label)
            yield row


def _table_rows(table: Table, labelled: bool) -> Iterator[ChoiceExample]:
    columns = {name.lower(): number for number, name in enumerate(table.header)}
    endings = _numbered(columns, r"ending-?\d+")
    distractors = _numbered(columns, r"distractor-?\d+")
    if "gold-ending" in columns and distractors:
        context, beginning, gold = columns.get("startphrase"), None, columns["gold-ending"]
    else:
        context, beginning, gold = columns.get("sent1", columns.get("context")), columns.get("sent2"), None
        context = columns.get("startphrase") if context is None else context
    require(context is not None and (gold is not None or len(endings) > 1),
            f"the columns of SWAG in {table.name}: sent1, sent2, ending0, ending1 ... label", columns=table.header)
    for number, (place, fields) in enumerate(table.rows):
        if gold is None:
            choices = [fields[column] for column in endings]
            label = _label(fields, columns, place) if labelled else None
        else:
            choices = [fields[column] for column in distractors]
            label = number % (len(choices) + 1)
            choices.insert(label, fields[gold])
        if beginning is not None:
            # Not of a choice without an ending: it is no text, and skipped.
            choices = [f"{fields[beginning]} {choice}".strip() if choice.strip() else "" for choice in choices]
        yield ChoiceExample(fields[context], tuple(choices), label if labelled else None, place)


def _numbered(columns: dict[str, int], pattern: str) -> list[int]:
    """The columns whose names match, in the order of the number at their end."""
    names = [name for name in columns if re.fullmatch(pattern, name)]
    return [columns[name] for name in sorted(names, key=lambda name: int(re.search(r"\d+$", name).group()))]


def _label(fields: list[str], columns: dict[str, int], place: str) -> int | None:
    text = fields[columns["label"]].strip() if "label" in columns else ""
    require(text == "" or text.isdecimal(), f"the number of the right choice at {place}", label=text)
    return int(text) if text else None


def _json_rows(path: pathlib.Path, labelled: bool, counts: ExampleCounts) -> Iterator[ChoiceExample]:
    for place, values in json_objects(path, counts):
        context = values.get("context", values.get("question"))
        choices = values.get("choices", values.get("endings"))
        require(isinstance(context, str) and isinstance(choices, list) and all(isinstance(c, str) for c in choices),
                f"`context` or `question`, and `choices` or `endings` at {place}", keys=list(values))
        label = values.get("label") if labelled else None
        require(label is None or (isinstance(label, int) and not isinstance(label, bool)),
                f"the number of the right choice as `label` at {place}", label=label)
        yield ChoiceExample(encodable(context), tuple(map(encodable, choices)), label, place)
