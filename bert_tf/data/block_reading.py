"""The blocks of `blocks.py` without graphs, in one pass over the text: lists of lines instead of string tensors.

Record files are built from these. A `tf.data` pipeline takes 0.9 s to be traced and started, as long as 30,000 examples
take, and its string tensors are copied by every operation: 25 ms for a block, here 5 ms.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from bert_tf.data import blocks
from bert_tf.data.corpus import document_hash
from bert_tf.data.readers import open_text

Document = Sequence[bytes]
"""Its lines, none blank."""


def read_blocks(files: Sequence[str | Path], threshold: int) -> Iterator[tuple[bool, list[Document]]]:
    """The documents of all files, a block at a time, as `blocks.documents_of` gives them for the two sides.

    Args:
        files: sentence files.
        threshold: documents whose `corpus.document_hash` lies below are held out.

    Returns:
        `(is_held_out, documents)`, the blocks of each side in the order of the text, none empty.

    Raises:
        ValueError: a file that is no text, as in `readers.open_text`, as soon as reading gets there.
    """
    held_out = _Blocks()
    for documents in _blocks_of(files):
        below = document_hash([document[0] for document in documents]).numpy() < threshold
        if not below.all():
            yield False, list(itertools.compress(documents, ~below))
        kept = itertools.compress(documents, below)
        yield from ((True, block) for block in held_out.add(line for document in kept for line in (*document, b"")))
    yield from ((True, block) for block in held_out.end())


def joined(documents: Sequence[Document]) -> tuple[tf.Tensor, tf.Tensor]:
    """`(lines, document)` as `blocks.number_documents` gives them: string and int32 `(lines,)`."""
    return (tf.constant([line for document in documents for line in document], tf.string),
            tf.constant(np.repeat(np.arange(len(documents)), [len(document) for document in documents]), tf.int32))


def _blocks_of(files: Sequence[str | Path]) -> Iterator[list[Document]]:
    text = _Blocks()
    lines = itertools.chain.from_iterable(map(_lines_of, files))
    while some := list(itertools.islice(lines, blocks.LINES_PER_BLOCK)):
        yield from text.add(some)
    yield from text.end()


def _lines_of(file: str | Path) -> Iterator[bytes]:
    """Lines as `tf.data.TextLineDataset` gives them, without any carriage return, and a blank one."""
    with open_text(Path(file)) as stream:
        for line in stream:
            line = line.replace(b"\r", b"")
            if line:  # no line if nothing but carriage returns follows the last line feed
                yield line.removesuffix(b"\n")
    yield b""


class _Blocks:
    """Lines -> blocks of whole documents."""

    def __init__(self):
        self._waiting: list[bytes] = []  # less than a block
        self._carried: list[bytes] = []  # of an unfinished document

    def add(self, lines: Iterable[bytes]) -> Iterator[list[Document]]:
        """The blocks that these lines complete; a blank line ends a document."""
        self._waiting.extend(lines)
        while len(self._waiting) >= blocks.LINES_PER_BLOCK:
            yield from self._whole_documents(self._waiting[:blocks.LINES_PER_BLOCK])
            del self._waiting[:blocks.LINES_PER_BLOCK]

    def end(self) -> Iterator[list[Document]]:
        """What is left."""
        yield from self._whole_documents(self._waiting)
        yield from self._whole_documents([], is_last=True)

    def _whole_documents(self, lines: list[bytes], *, is_last: bool = False) -> Iterator[list[Document]]:
        """A block or none, as `blocks.documents_of` carries lines over."""
        lines = self._carried + lines
        is_text = np.fromiter(map(bool, map(bytes.strip, lines)), bool, len(lines))
        end = len(lines) - int(np.argmin(is_text[::-1])) if not is_text.all() else 0
        end += (len(lines) - end) // blocks.LONGEST_DOCUMENT * blocks.LONGEST_DOCUMENT
        edges = np.flatnonzero(np.diff(is_text[:end], prepend=False, append=False)).tolist()
        documents = list(zip(edges[::2], edges[1::2], strict=True))
        if len(documents) < 2 and end < 2 * blocks.LONGEST_DOCUMENT and not is_last:
            end = 0
        self._carried = lines[end:]
        if documents and end:
            yield [lines[first:min(first + blocks.LONGEST_DOCUMENT, stop)] for start, stop in documents
                   for first in range(start, stop, blocks.LONGEST_DOCUMENT)]
