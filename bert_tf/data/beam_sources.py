"""Sentence files as Apache Beam reads them (extra `[beam]`)."""

import zlib
from collections.abc import Iterable, Iterator

from apache_beam.io.filebasedsource import FileBasedSource
from apache_beam.io.filesystems import FileSystems

from bert_tf.config import require
from bert_tf.data import blocks
from bert_tf.data.readers import check_first_bytes

Document = tuple[int, tuple[bytes, ...]]
"""Its lines; 0, or the how-manieth part of a document that was cut because it is too long."""

_GZIP_FACTOR = 3
"""Bytes of text in a byte of a compressed file, roughly."""


class SentenceFiles(FileBasedSource):
    """Documents of sentence files, `Document`; a file can be read in parts, at any offset.

    A document belongs to the part of the file in which the blank line before it begins.
    """

    def read_records(self, file_name: str, range_tracker) -> Iterator[Document]:
        """The documents of one part of a file."""
        with self.open_file(file_name) as file:
            start = range_tracker.start_position() or 0
            position = start
            if start > 0:
                file.seek(start - 1)
                position += len(file.readline()) - 1
            # Where the document of the next lines belongs; unknown in the middle of a document.
            owner = 0 if start == 0 else None
            part, lines, claimed = 0, [], False
            for raw in iter(file.readline, b""):
                line = raw.removesuffix(b"\n").replace(b"\r", b"")
                if not line.strip():
                    if lines:
                        yield part, tuple(lines)
                    owner, part, lines, claimed = position, 0, [], False
                elif owner is not None:
                    if not claimed and not range_tracker.try_claim(owner):
                        return
                    claimed = True
                    lines.append(line)
                    if len(lines) == blocks.LONGEST_DOCUMENT:
                        yield part, tuple(lines)
                        part, lines = part + 1, []
                position += len(raw)
            if lines:
                yield part, tuple(lines)


def text_sizes(patterns: str) -> dict[str, int]:
    """Bytes of text in each file that comma-separated patterns match."""
    sizes = {}
    patterns = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    require(bool(patterns), "at least one file name or pattern", input="")
    for pattern in patterns:
        found = FileSystems.match([pattern])[0].metadata_list
        require(bool(found), "a file name, or a pattern that matches files", pattern=pattern, matches=0)
        sizes |= {file.path: file.size_in_bytes * (_GZIP_FACTOR if file.path.endswith(".gz") else 1) for file in found}
    return dict(sorted(sizes.items()))


def check_texts(paths: Iterable[str]) -> None:
    """Refuses files that are no text, or not compressed as their names say, by how they begin."""
    for path in paths:
        try:
            with FileSystems.open(path) as file:
                check_first_bytes(file.read(2), path)
        except zlib.error as error:
            raise ValueError(f"Expected whole gzip data in {path}. Received: {error}.") from None
