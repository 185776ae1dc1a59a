"""Pieces that a user adds to a vocabulary: read, checked, and split into the pieces that stood for them before."""

import os
import pathlib
from collections.abc import Sequence

from absl import logging

from bert_tf.config import require
from bert_tf.text.kernels import build_normalizer
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import SUFFIX_MARK, Vocabulary


def read_new_pieces(path: str | os.PathLike, tokenizer: WordPieceTokenizer) -> list[str]:
    """Reads a file with a piece per line, such as `anticoagulant` or `##emia`, those left out that are known already.

    Raises:
        ValueError: there is no such file, it adds nothing, or a piece can never come out of the tokeniser, for example
            one in capitals if that lower-cases; names the line.
    """
    path = pathlib.Path(path)
    require(path.is_file(), "`extend_vocabulary` to be a file with a piece per line", extend_vocabulary=str(path))
    lines = dict.fromkeys(path.read_text(encoding="utf-8-sig").split("\n"))
    lines = {line.removesuffix("\r"): None for line in lines}
    new = [line for line in lines if line and line not in tokenizer.vocabulary]
    known = sum(line in tokenizer.vocabulary for line in lines)
    if known:
        logging.info("%d of the pieces in %s are in the vocabulary already", known, path)
    require(bool(new), f"pieces in {path} that the vocabulary does not have", new=0, known=known)
    _check_reachable(new, path, tokenizer)
    return new


def with_new_pieces(tokenizer: WordPieceTokenizer, pieces: Sequence[str]) -> WordPieceTokenizer:
    """The same tokeniser with further pieces, whose ids come after all others."""
    options = tokenizer.get_config()
    return WordPieceTokenizer.from_config(options | {"vocabulary": [*options["vocabulary"], *pieces]})


def split_by(vocabulary: Vocabulary, piece: str) -> list[int]:
    """The ids that `piece`, a whole word or the rest of one, is split into, the longest first; [UNK] if it cannot be.

    >>> [vocabulary.pieces[number] for number in split_by(vocabulary, "##aemia")]
    ['##ae', '##mia']
    """
    continues = piece.startswith(SUFFIX_MARK) and piece != SUFFIX_MARK
    rest, ids = piece.removeprefix(SUFFIX_MARK) if continues else piece, []
    while rest:
        mark = SUFFIX_MARK if ids or continues else ""
        length = next((length for length in range(len(rest), 0, -1) if mark + rest[:length] in vocabulary), None)
        if length is None:
            return [vocabulary.unknown_id]
        ids.append(vocabulary.id_of(mark + rest[:length]))
        rest = rest[length:]
    return ids


def _check_reachable(pieces: list[str], path: pathlib.Path, tokenizer: WordPieceTokenizer) -> None:
    normalizer = build_normalizer(lowercase=tokenizer.lowercase, strip_accents=tokenizer.strips_accents)
    bodies = [piece.removeprefix(SUFFIX_MARK) for piece in pieces]
    # Each as a word of its own: what is split there, at punctuation for example, is never looked up as a whole.
    words = with_new_pieces(tokenizer, [body for body in dict.fromkeys(bodies) if body not in tokenizer.vocabulary])
    split = words.tokenize(bodies)
    for piece, body, ids, normal in zip(pieces, bodies, split, normalizer.normalize(bodies).numpy(), strict=True):
        found = [words.vocabulary.pieces[number] for number in ids.numpy()]
        # The kernel would find a piece with a space in it, which no other tokeniser does.
        require(normal.decode() == body and found == [body] and body.split() == [body],
                f"pieces in {path} that the tokeniser can give: one word each, normalised as it does", piece=piece,
                becomes=found)
