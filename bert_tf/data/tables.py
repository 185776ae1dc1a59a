"""CSV, TSV, JSON lines and TFDS data sets -> labelled texts or pairs of texts.

```
sentence,label / "Good, really.",pos      TextExample("Good, really.", None, "pos", "a.csv:2")
question<TAB>sentence<TAB>label / ...     TextExample("Who?", "It was Ann.", "entailment", "a.tsv:2")
{"text": "Good.", "label": 1}             TextExample("Good.", None, "1", "a.jsonl:1")
```
"""

from collections.abc import Sequence

from bert_tf.data.columns import Columns, Table, TableFormat, find_columns
from bert_tf.data.examples import ExampleCounts, TextExample, require_alike, require_examples
from bert_tf.data.readers import TFDS_PREFIX, find_files
from bert_tf.data.table_files import load_table
from bert_tf.data.tfds_tables import load_tfds_table


def read_table(source: str | Sequence[str], table_format: TableFormat | None = None, *, split: str = "train",
               labelled: bool = True, counts: ExampleCounts | None = None) -> list[TextExample]:
    """Reads all rows of one or more tables.

    A ragged line, a damaged JSON line, an empty text and an empty label are skipped and counted.

    Args:
        source: patterns as in `find_files`, `tfds:NAME`, or `tfds:NAME#SPLIT`.
        table_format: columns and layout; by default all is found from the file.
        split: of a TFDS data set whose source names none.
        labelled: False takes rows without a label, too, and does not insist on a column of labels.
        counts: counts what is read, if given.

    Raises:
        ValueError: a column that is not there, or that cannot be found; CSV with broken quoting; no usable row, or more
            skipped than read; pairs in one table and single texts in another. The error names the file and the line.
    """
    table_format = table_format or TableFormat()
    here = ExampleCounts()  # of this source alone, so that its errors tell its own numbers
    if isinstance(source, str) and source.startswith(TFDS_PREFIX):
        tables = [load_tfds_table(source, split)]
    else:
        tables = (load_table(path, table_format, here) for path in find_files(source))
    examples = []
    for table in tables:
        if table.rows:
            examples += _examples(table, find_columns(table, table_format, labelled), labelled, here)
    require_examples(examples, source, here)
    require_alike(examples, examples[0])
    here.examples = len(examples)
    if counts is not None:
        counts.add(here)
    return examples


def _examples(table: Table, columns: Columns, labelled: bool, counts: ExampleCounts) -> list[TextExample]:
    examples = []
    for place, fields in table.rows:
        text = fields[columns.text]
        second_text = None if columns.second_text is None else fields[columns.second_text]
        label = None if columns.label is None else fields[columns.label].strip() or None
        if not text.strip() or (second_text is not None and not second_text.strip()):
            counts.skip("empty text", place)
        elif labelled and label is None:
            counts.skip("empty label", place)
        else:
            examples.append(TextExample(text, second_text, label, place))
    return examples
