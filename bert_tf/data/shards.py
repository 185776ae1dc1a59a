"""Record files of bounded size, and the index that tells what is in them."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorflow as tf

from bert_tf.config import RecordsConfig, require
from bert_tf.files import whole_file
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import Vocabulary

INDEX = "index.json"
INDEX_KEYS = ("config", "vocabulary_size", "vocabulary_sha256", "tokenizer", "shards")
"""What a reader of the files needs to know (`make_index`)."""

PARTS = ("train", "held_out")
"""What the documents are divided into; a file holds one of them."""

_FRAME_BYTES = 16
"""What a TFRecord file adds to each record: its length and two checksums."""


class ShardWriter:
    """Writes records to `folder/name-00000.tfrecord` and so on; each file appears when it is whole.

    To be used in a `with` statement; if that fails, the file that is being written vanishes.

    Args:
        folder: an existing folder.
        name: what the files' names begin with.
        max_bytes: of a file before compression; only a single record may be longer.
        compression: one of `config.COMPRESSIONS`.
    """

    def __init__(self, folder: Path, name: str, max_bytes: int, compression: str):
        self._folder, self._name, self._max_bytes = folder, name, max_bytes
        self._options = tf.io.TFRecordOptions("GZIP" if compression == "gzip" else "")
        self._open_file = contextlib.ExitStack()
        self._writer = None
        self._bytes = self._examples = 0
        self.shards: list[dict[str, Any]] = []
        """`file`, `examples` and `bytes` on the disk of each file that is whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        if exception[0] is None:
            self._finish()
        else:
            self._open_file.__exit__(*exception)

    def write(self, records: Iterable[bytes]) -> None:
        """Appends records, in order."""
        for record in records:
            size = len(record) + _FRAME_BYTES
            if self._writer is None or self._bytes + size > self._max_bytes:
                self._finish()
                self._start()
            self._writer.write(record)
            self._bytes += size
            self._examples += 1

    def _start(self) -> None:
        self._path = self._folder / f"{self._name}-{len(self.shards):05d}.tfrecord"
        unfinished = self._open_file.enter_context(whole_file(self._path))
        self._writer = self._open_file.enter_context(tf.io.TFRecordWriter(str(unfinished), self._options))
        self._bytes = self._examples = 0

    def _finish(self) -> None:
        if self._writer is None:
            return
        self._open_file.close()
        self._writer = None
        self.shards.append({"file": self._path.name, "examples": self._examples, "bytes": self._path.stat().st_size})


@dataclasses.dataclass
class PartStatistics:
    """What one part holds.

    Attributes:
        length_counts: int64 `(sequence_length + 1,)`, how many examples have each length.
        documents: documents, those without an example included.
        random_pairs: examples whose label is 1: random (`nsp`) or swapped (`sop`) pairs.
        unknown_tokens: tokens that are [UNK].
    """

    length_counts: np.ndarray
    documents: int = 0
    random_pairs: int = 0
    unknown_tokens: int = 0

    @classmethod
    def empty(cls, sequence_length: int) -> Self:
        """Of no examples."""
        return cls(np.zeros(sequence_length + 1, np.int64))

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, field.name) + getattr(other, field.name)
                            for field in dataclasses.fields(self)))

    def to_dict(self) -> dict[str, Any]:
        """Counts and rates, ready for JSON."""
        examples = int(self.length_counts.sum())
        lengths = np.arange(len(self.length_counts))
        tokens = int(self.length_counts @ lengths)
        cumulated = np.cumsum(self.length_counts)
        quantiles = {f"{share}%": int(np.searchsorted(cumulated, share / 100 * examples)) for share in (10, 50, 90)}
        return {
            "documents": int(self.documents), "examples": examples, "tokens": tokens,
            "unknown_tokens": int(self.unknown_tokens),
            "lengths": {"mean": tokens / max(examples, 1), **(quantiles if examples else {})},
            "padding_share": 1 - tokens / max(examples * lengths[-1], 1),
            "random_pair_rate": int(self.random_pairs) / max(examples, 1),
        }


def make_index(config: RecordsConfig, tokenizer: WordPieceTokenizer, shards: dict[str, list[dict]],
               statistics: dict[str, PartStatistics], duplicates: int) -> dict[str, Any]:
    """The content of `index.json`; equal for equal input and settings.

    Args:
        config: how the files were built.
        tokenizer: with what.
        shards: for each part its files, as in `ShardWriter.shards`.
        statistics: for each part.
        duplicates: documents that were left out.
    """
    return {
        "format": "tf.train.Example with int64 token_ids, first_length, next_sentence_label",
        "config": config.to_dict(),
        "vocabulary_size": len(tokenizer.vocabulary),
        "vocabulary_sha256": vocabulary_sha256(tokenizer.vocabulary),
        "tokenizer": tokenizer_settings(tokenizer),
        "duplicate_documents": duplicates,
        "statistics": {part: statistics[part].to_dict() for part in PARTS},
        "shards": [{"part": part, **shard} for part in PARTS for shard in shards[part]],
    }


def check_index(index: dict[str, Any]) -> None:
    """Refuses to finish record files that hold nothing to train on.

    Raises:
        ValueError: there is no example but held-out ones.
    """
    config, parts = index["config"], index["statistics"]
    require(parts["train"]["examples"] > 0, f"text that gives at least one `{config['objective']}` example to train on",
            input=config["input"], **{f"{part}_documents": parts[part]["documents"] for part in PARTS})


def vocabulary_sha256(vocabulary: Vocabulary) -> str:
    """Of the vocab.txt that `Vocabulary.save` writes."""
    return hashlib.sha256("".join(f"{piece}\n" for piece in vocabulary.pieces).encode()).hexdigest()


def tokenizer_settings(tokenizer: WordPieceTokenizer) -> dict[str, Any]:
    """What beside the vocabulary decides the ids of plain text."""
    return {"lowercase": tokenizer.lowercase, "strip_accents": tokenizer.strips_accents,
            "split_cjk": tokenizer.split_cjk, "max_word_characters": tokenizer.max_word_characters}
