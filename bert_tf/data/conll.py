"""CoNLL column files -> sentences of tagged words: a word per line, a blank line between sentences."""

import pathlib
from collections.abc import Iterator, Sequence

from bert_tf.config import require
from bert_tf.data.examples import ExampleCounts, TaggedSentence, require_examples, text_lines
from bert_tf.data.readers import find_files
from bert_tf.data.tagging_schemes import detect_scheme, is_tag, to_bio

Line = tuple[str, str, str]
"""`file:line`, word, tag ("" where tags are not read)."""


def read_conll(source: str | Sequence[str], *, tag_column: int = -1, word_column: int = 0, scheme: str | None = None,
               labelled: bool = True, counts: ExampleCounts | None = None) -> list[TaggedSentence]:
    """Reads column files, separated by tabs if a line has one, else by spaces.

    Lines of white space and -DOCSTART- lines end a sentence. A line that begins with "# " and has no tag is a comment.

    Args:
        source: patterns as in `find_files`.
        tag_column: number of the column of the tags, from 0, or from the end if negative.
        word_column: the same for the words.
        scheme: one of `tagging_schemes.SCHEMES`; by default it is found from the tags of the whole source.
        labelled: False reads the words only.
        counts: counts what is read, if given.

    Raises:
        ValueError: a line without one of the columns, or a tag that is none, with file and line; no sentence.
    """
    here = ExampleCounts()
    sentences = [sentence for path in find_files(source)
                 for sentence in _sentences(path, word_column, tag_column, labelled, here)]
    require_examples(sentences, source, here)
    if labelled and scheme is None:
        scheme = detect_scheme([[tag for _, _, tag in lines] for lines in sentences])
    examples = [TaggedSentence(words=tuple(word for _, word, _ in lines),
                               tags=to_bio([tag for _, _, tag in lines], scheme) if labelled else None,
                               place=lines[0][0])
                for lines in sentences]
    here.examples = len(examples)
    if counts is not None:
        counts.add(here)
    return examples


def _sentences(path: pathlib.Path, word_column: int, tag_column: int, labelled: bool,
               counts: ExampleCounts) -> Iterator[list[Line]]:
    lines = []
    for number, text in text_lines(path, counts):
        fields = _fields(text)
        if not text.strip() or fields[0] == "-DOCSTART-":
            if lines:
                yield lines
            lines = []
        elif not _is_comment(text, fields, tag_column):
            lines.append(_line(f"{path}:{number}", fields, word_column, tag_column if labelled else None))
    if lines:
        yield lines


def _fields(text: str) -> list[str]:
    text = text.rstrip(" \t")
    return text.split("\t") if "\t" in text else list(filter(None, text.split(" ")))


def _is_comment(text: str, fields: list[str], tag_column: int) -> bool:
    """A line such as `# id 7 domain=en`; `# O` is a word with its tag."""
    return text.startswith("# ") and not is_tag(fields[tag_column % len(fields)])


def _line(place: str, fields: list[str], word_column: int, tag_column: int | None) -> Line:
    for column in (word_column, *(() if tag_column is None else (tag_column,))):
        require(-len(fields) <= column < len(fields) and fields[column] != "", f"a column {column} at {place}",
                fields=fields)
    if tag_column is None:
        return place, fields[word_column], ""
    require(tag_column % len(fields) != word_column % len(fields), f"a tag behind the word at {place}", fields=fields)
    require(is_tag(fields[tag_column]), f"a tag such as O, B-person or I-person at {place}", tag=fields[tag_column])
    return place, fields[word_column], fields[tag_column]
