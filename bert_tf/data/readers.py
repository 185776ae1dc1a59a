r"""Files, folders of files and TFDS data sets -> documents, each a list of sentences -> one sentence file.

A *sentence file* is what the example pipelines read: UTF-8, plain or `.gz`, one sentence per line, blank line between
documents. Text in any other layout is turned into such a file once, as a stream:

    layout       input                                           documents
    sentences    "It rains.\nWe stay.\n\nIt ends.\n"             ["It rains.", "We stay."], ["It ends."]
    lines        "It rains. We stay.\nIt ends.\n"                ["It rains.", "We stay."], ["It ends."]
    files        a.txt: "It rains. We stay." b.txt: "It ends."   ["It rains.", "We stay."], ["It ends."]
"""

import contextlib
import dataclasses
import fnmatch
import glob
import gzip
import os
import pathlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import sentencex

from bert_tf.config import require
from bert_tf.files import whole_file

LAYOUTS = ("sentences", "lines", "files")
TFDS_PREFIX = "tfds:"
_TFDS_FEATURES = ("text", "document")

# sentencex takes quadratic time on a long text full of opening quotes; pieces of this many characters bound that.
_CHUNK_CHARACTERS = 10_000
# Text files wrapped by an editor or by Project Gutenberg have lines of 65 to 80 characters.
_MAX_WRAPPED_LINE = 100


@dataclasses.dataclass
class ReadCounts:
    """What `read_documents` met; it adds to the object it is given.

    Attributes:
        documents: documents with at least one sentence.
        sentences: sentences in them.
        lines_not_utf8: lines from which invalid bytes were dropped.
        first_line_not_utf8: `file:line` of the first of them, or "".
    """

    documents: int = 0
    sentences: int = 0
    lines_not_utf8: int = 0
    first_line_not_utf8: str = ""


def find_files(patterns: str | Sequence[str]) -> list[pathlib.Path]:
    """The files that comma separated globs match, sorted by path, each once: `wiki/*.txt,news.txt.gz`.

    Raises:
        ValueError: a pattern that matches nothing, or matches a folder or a file that cannot be read.
    """
    patterns = separate_patterns(patterns)
    require(bool(patterns), "at least one file name or pattern", input="")
    found = set()
    for pattern in patterns:
        # A name that exists is taken as it is, so that `notes [old].txt` needs no escaping.
        # Path.glob refuses absolute patterns, hence glob.glob.
        names = [pattern] if os.path.lexists(pattern) else glob.glob(pattern, recursive=True)  # noqa: PTH207
        require(bool(names), "a file name, or a pattern that matches files", pattern=pattern, matches=0)
        for path in map(pathlib.Path, names):
            require(not path.is_dir(), f"files, not the folder {path} (try {path}/*.txt)", pattern=pattern)
            require(path.is_file() and os.access(path, os.R_OK), f"to be able to read {path}", pattern=pattern)
            found.add(path)
    return sorted(found)


def separate_patterns(patterns: str | Sequence[str]) -> list[str]:
    """Comma separated globs one by one, as they fit the paths of `find_files`: `./a/*, b//*` becomes `a/*`, `b/*`."""
    patterns = patterns.split(",") if isinstance(patterns, str) else [str(pattern) for pattern in patterns]
    return [str(pathlib.Path(pattern.strip()).expanduser()) for pattern in patterns if pattern.strip()]


def matches_pattern(path: pathlib.Path, pattern: str) -> bool:
    """Whether `find_files` would find `path` by one of `separate_patterns` if it existed; `**` is any folders or none.

    >>> matches_pattern(Path("a/x.txt"), "a/**/*.txt"), matches_pattern(Path("a/b/x.txt"), "a/*.txt")
    (True, False)
    """
    return _parts_match(path.parts, pathlib.Path(pattern).parts)


def _parts_match(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return _parts_match(parts, patterns[1:]) or (bool(parts) and _parts_match(parts[1:], patterns))
    return bool(parts) and fnmatch.fnmatch(parts[0], patterns[0]) and _parts_match(parts[1:], patterns[1:])


@contextlib.contextmanager
def open_text(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a plain or `.gz` text file for reading bytes.

    Raises:
        ValueError: UTF-16 text, gzip data without the suffix, or damaged gzip data, as soon as reading gets there.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as stream:
            check_first_bytes(stream.peek(2)[:2], path)
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"Expected whole gzip data in {path}. Received: {error}.") from None


def check_first_bytes(mark: bytes, path: str | pathlib.Path) -> None:
    """Refuses a file whose text begins with these two bytes if they are those of UTF-16 or of gzip data."""
    require(mark not in (b"\xff\xfe", b"\xfe\xff"), f"UTF-8 in {path}", encoding="UTF-16 or UTF-32")
    require(mark != b"\x1f\x8b", f"text in {path} (gzip data needs a name that ends in .gz)", first_bytes=mark)


def read_documents(source: str | Sequence[str], layout: str = "sentences", language: str = "en",
                   counts: ReadCounts | None = None) -> Iterator[list[str]]:
    """Streams documents, each a list of non-empty sentences without line breaks.

    A file always ends a document. Invalid UTF-8 is dropped byte by byte, as in Google's script, and counted; a
    byte-order mark is dropped. In `files`, lines of at most 100 characters between two blank lines count as one wrapped
    paragraph, a longer line as a paragraph of its own.

    Args:
        source: patterns as in `find_files`, or `tfds:NAME`: the split `train` of a TensorFlow data set with a feature
            `text` or `document`, each example a document with a paragraph per line.
        layout: one of `LAYOUTS`, see above; of no effect for TFDS.
        language: ISO 639 code, tells `sentencex` which abbreviations do not end a sentence. A language without
            sentence marks, such as Thai, keeps a paragraph as one sentence.
        counts: counts what is read, if given.

    Raises:
        ValueError: at once for a bad argument or missing files; during reading for damaged ones.
    """
    require(layout in LAYOUTS, f"`layout` to be one of {', '.join(LAYOUTS)}", layout=layout)
    require(bool(re.fullmatch(r"[a-z]{2,3}([-_]\w+)*", language)),
            "`language` to be an ISO 639 code such as en, de or zh", language=language)
    counts = ReadCounts() if counts is None else counts
    if _is_tfds(source):
        documents = ([sentence for line in text.split("\n") for sentence in split_sentences(line.strip(), language)]
                     for text in _tfds_texts(source))
    else:
        documents = _file_documents(find_files(source), layout, language, counts)
    return _counted(documents, counts)


def read_lines(source: str | Sequence[str], counts: ReadCounts | None = None) -> Iterator[str]:
    """Streams the non-blank lines of a `source` as in `read_documents`, for uses to which the layout does not matter.

    Of `counts` only what concerns UTF-8 is counted.
    """
    counts = ReadCounts() if counts is None else counts
    if _is_tfds(source):
        lines = (line.strip() for text in _tfds_texts(source) for line in text.split("\n"))
    else:
        lines = (line for path in find_files(source) for line in _stripped_lines(path, counts))
    return filter(None, lines)


def split_sentences(paragraph: str, language: str = "en") -> Iterator[str]:
    """Splits one paragraph, in time linear in its length; a sentence above 10,000 characters may be cut at a space."""
    rest = ""
    for start in range(0, len(paragraph), _CHUNK_CHARACTERS):
        stop = start + _CHUNK_CHARACTERS
        sentences = sentencex.segment(language, rest + paragraph[start:stop])
        rest = ""
        if stop < len(paragraph):  # The last sentence may go on in the next chunk.
            done, rest = _cut(sentences.pop())
            sentences.append(done)
        yield from filter(None, map(str.strip, sentences))


def write_sentence_file(documents: Iterable[Iterable[str]], path: str | pathlib.Path) -> None:
    """Writes a sentence file; `path` appears only when it is complete. Line breaks in sentences become spaces."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", errors="ignore", newline="\n") as file:
        for document in documents:
            sentences = [sentence.translate(_BREAK_TO_SPACE).strip() for sentence in document]
            lines = [f"{sentence}\n" for sentence in sentences if sentence]
            if lines:
                file.writelines([*lines, "\n"])


def _cut(sentence: str) -> tuple[str, str]:
    """Cuts a sentence that is longer than a chunk before its last word; a shorter one is left to go on growing."""
    if len(sentence) <= _CHUNK_CHARACTERS:
        return "", sentence
    head, _, last_word = sentence.rpartition(" ")
    return (head, last_word) if len(last_word) <= _CHUNK_CHARACTERS else (sentence, "")


_BREAK_TO_SPACE = {ord("\n"): " ", ord("\r"): " "}


def _counted(documents: Iterable[list[str]], counts: ReadCounts) -> Iterator[list[str]]:
    for document in documents:
        if document:
            counts.documents += 1
            counts.sentences += len(document)
            yield document


def _file_documents(paths: list[pathlib.Path], layout: str, language: str, counts: ReadCounts) -> Iterator[list[str]]:
    for path in paths:
        lines = _stripped_lines(path, counts)
        if layout == "sentences":
            yield from _blocks(lines)
        elif layout == "lines":
            for line in lines:
                yield list(split_sentences(line, language))
        else:
            yield [sentence for block in _blocks(lines) for paragraph in _paragraphs(block)
                   for sentence in split_sentences(paragraph, language)]


def _stripped_lines(path: pathlib.Path, counts: ReadCounts) -> Iterator[str]:
    return (text.strip() for _, text in decoded_lines(path, counts))


def decoded_lines(path: pathlib.Path, counts: Any) -> Iterator[tuple[int, str]]:
    """Numbered lines of a plain or `.gz` file, white space and line ends included.

    Only a line feed ends a line, as in `tf.data.TextLineDataset`. Invalid UTF-8 is dropped byte by byte and counted; a
    byte-order mark is dropped.

    Args:
        path: the file.
        counts: gets `lines_not_utf8` and `first_line_not_utf8`.
    """
    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                text = line.decode("utf-8", errors="ignore")
                counts.lines_not_utf8 += 1
                counts.first_line_not_utf8 = counts.first_line_not_utf8 or f"{path}:{number}"
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Groups lines between blank lines."""
    block = []
    for line in lines:
        if line:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _paragraphs(block: list[str]) -> list[str]:
    wrapped = max(map(len, block)) <= _MAX_WRAPPED_LINE
    return [" ".join(block)] if wrapped else block


def _is_tfds(source: str | Sequence[str]) -> bool:
    return isinstance(source, str) and source.startswith(TFDS_PREFIX)


def _tfds_texts(source: str) -> Iterator[str]:
    """The texts of a data set's train split."""
    import tensorflow_datasets as tfds  # Takes seconds to import and is rarely needed.

    try:
        builder = tfds.builder(source.removeprefix(TFDS_PREFIX), try_gcs=True)
        builder.download_and_prepare()
        dataset = builder.as_dataset(split="train")
    except Exception as error:  # TFDS raises anything here: name, network, disk, a missing Beam.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(
            "Expected a TensorFlow data set that can be read from gs://tfds-data or TFDS_DATA_DIR, or be built here "
            f"(some need `pip install apache-beam`). Received: {source}: {reason}") from None
    texts = [feature for feature in _TFDS_FEATURES if feature in builder.info.features]
    require(bool(texts), f"a feature {' or '.join(_TFDS_FEATURES)} in {source}", features=sorted(builder.info.features))
    for example in tfds.as_numpy(dataset):
        yield example[texts[0]].decode("utf-8", errors="ignore")
