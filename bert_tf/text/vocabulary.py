"""Vocabulary: pieces <-> ids, the five special tokens, vocab.txt."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Self

import numpy as np
from absl import logging

from bert_tf.config import require
from bert_tf.files import whole_file

SUFFIX_MARK = "##"
"""What a piece that continues a word starts with."""


@dataclasses.dataclass(frozen=True)
class SpecialTokens:
    """The pieces with a role of their own; the defaults are those of every published BERT."""

    pad: str = "[PAD]"
    unknown: str = "[UNK]"
    cls: str = "[CLS]"
    sep: str = "[SEP]"
    mask: str = "[MASK]"


class Vocabulary:
    """The pieces of a WordPiece vocabulary; a piece's id is its place.

    Of two equal pieces the first id counts; the later one keeps its place and its text but is never given out, and a
    warning names both lines.

    Args:
        pieces: all pieces, in the order of their ids.
        special_tokens: which pieces play the special roles.
        source: what errors and warnings call this vocabulary; `load` gives the file's name.

    Raises:
        ValueError: a special token is missing.
    """

    def __init__(self, pieces: Sequence[str], *, special_tokens: SpecialTokens = SpecialTokens(),
                 source: str = "vocabulary"):
        self.pieces = tuple(pieces)
        self.special_tokens = special_tokens
        self.source = source
        self._ids: dict[str, int] = {}
        self.duplicates: dict[int, int] = {}
        """From the id of a piece that came before to the id that counts."""
        for number, piece in enumerate(self.pieces):
            first = self._ids.setdefault(piece, number)
            if first != number:
                self.duplicates[number] = first
                if piece:  # empty lines are many and harmless
                    logging.warning("%s: line %d repeats %r of line %d; id %d will not be used.", source, number + 1,
                                    piece, first + 1, number)
        for role, token in dataclasses.asdict(special_tokens).items():
            require(token in self._ids, f"the special token {token} in {source}", **{role: token}, pieces=len(self))
        self.pad_id = self._ids[special_tokens.pad]
        self.unknown_id = self._ids[special_tokens.unknown]
        self.cls_id = self._ids[special_tokens.cls]
        self.sep_id = self._ids[special_tokens.sep]
        self.mask_id = self._ids[special_tokens.mask]

    @classmethod
    def load(cls, path: str | os.PathLike, *, special_tokens: SpecialTokens = SpecialTokens()) -> Self:
        """Reads a vocab.txt as `read_pieces` does.

        Raises:
            ValueError: there is no such file, it is not UTF-8, or a special token is missing.
        """
        return cls(read_pieces(path), special_tokens=special_tokens, source=str(path))

    def save(self, path: str | os.PathLike) -> None:
        """Writes a vocab.txt that `load` reads back; an interrupted write leaves no half file at `path`.

        Raises:
            ValueError: a piece holds a line break.
        """
        path = pathlib.Path(path)
        for number, piece in enumerate(self.pieces):
            require("\n" not in piece and not piece.endswith("\r"), "pieces without line breaks", id=number,
                    piece=piece)
        with whole_file(path) as unfinished:
            unfinished.write_bytes("".join(f"{piece}\n" for piece in self.pieces).encode())

    def __len__(self) -> int:
        return len(self.pieces)

    def __contains__(self, piece: str) -> bool:
        return piece in self._ids

    def id_of(self, piece: str) -> int:
        """The id of `piece`.

        Raises:
            ValueError: it is not in the vocabulary.
        """
        require(piece in self._ids, f"a piece of {self.source}", piece=piece)
        return self._ids[piece]

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of [PAD], [UNK], [CLS], [SEP] and [MASK]."""
        return self.pad_id, self.unknown_id, self.cls_id, self.sep_id, self.mask_id

    @property
    def is_suffix(self) -> np.ndarray:
        """Bool `(vocabulary,)`: True where a piece continues a word: `##ing`, but not `##` alone."""
        return np.array([piece.startswith(SUFFIX_MARK) and piece != SUFFIX_MARK for piece in self.pieces])


def read_pieces(path: str | os.PathLike) -> list[str]:
    """The pieces of a vocab.txt: UTF-8, a piece a line, ids counted from 0. An empty line takes an id, too.

    Raises:
        ValueError: there is no such file, or it is not UTF-8.
    """
    path = pathlib.Path(path)
    try:
        # Neither str.splitlines nor universal newlines: U+0085 and U+2028 are pieces of published vocabularies.
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise ValueError(f"Expected a vocabulary file. Received: {path} ({error.strerror}).") from None
    if not lines[-1]:
        lines.pop()
    pieces = []
    for number, line in enumerate(lines, start=1):
        try:
            pieces.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            raise ValueError(f"Expected UTF-8 in {path}, line {number}. Received: {line!r} ({error.reason}).") from None
    return pieces
