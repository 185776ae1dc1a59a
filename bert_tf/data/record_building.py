"""Sentence files -> record files on one machine, as a stream; and what that shares with the pipeline of `beam.py`."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.config import RecordsConfig
from bert_tf.data.block_reading import joined, read_blocks
from bert_tf.data.blocks import block_examples
from bert_tf.data.draws import document_keys
from bert_tf.data.in_order import called_in_order
from bert_tf.data.record_format import ExampleSerializer
from bert_tf.data.shards import PARTS, PartStatistics, ShardWriter, make_index
from bert_tf.text.tokenizer import WordPieceTokenizer


class Records(NamedTuple):
    """The examples of a block, ready to be written.

    Attributes:
        serialized: string `(examples,)`.
        length: int32 `(examples,)`, tokens.
        label: int32 `(examples,)`.
        documents: int32 `()`.
        unknown_tokens: int32 `()`.
    """

    serialized: tf.Tensor
    length: tf.Tensor
    label: tf.Tensor
    documents: tf.Tensor
    unknown_tokens: tf.Tensor

    def statistics(self, sequence_length: int) -> PartStatistics:
        """Of these examples, outside of graphs."""
        return PartStatistics(np.bincount(self.length, minlength=sequence_length + 1), int(self.documents),
                              int(np.sum(self.label)), int(self.unknown_tokens))


class RecordBuilder:
    """From the documents of a block to records, in graph; masked-LM examples depend on their own document only."""

    def __init__(self, tokenizer: WordPieceTokenizer, config: RecordsConfig):
        self._tokenizer, self._config = tokenizer, config
        self._serializer = ExampleSerializer(len(tokenizer.vocabulary), config.sequence_length,
                                             has_labels=config.objective != "mlm")
        # Traced once for all parts and workers.
        self._function = tf.function(self._build, autograph=False, input_signature=[
            tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int32)])

    def build(self, lines: tf.Tensor, document: tf.Tensor) -> Records:
        """The records of one block.

        Args:
            lines: string `(lines,)`, none blank.
            document: int32 `(lines,)`, rising number of the document that each belongs to.
        """
        return self._function(lines, document)

    def _build(self, lines: tf.Tensor, document: tf.Tensor) -> Records:
        rows = block_examples(lines, document, self._tokenizer, self._config.examples(), (self._config.seed, 0))
        is_unknown = tf.logical_and(rows["token_ids"] == self._tokenizer.vocabulary.unknown_id,
                                    tf.range(self._config.sequence_length) < rows["length"][:, tf.newaxis])
        return Records(self._serializer.serialize(rows), rows["length"], rows["next_sentence_label"],
                       tf.size(tf.unique(document).y), tf.reduce_sum(tf.cast(is_unknown, tf.int32)))


def build_streaming(files: Sequence[str | Path], tokenizer: WordPieceTokenizer, config: RecordsConfig, folder: Path,
                    threshold: int, *, workers: int | None = None,
                    progress: Callable[[int], None] = lambda documents: None) -> dict[str, Any]:
    """Writes record files in constant memory (with `deduplicate`, 8 bytes for every document come on top).

    Args:
        files: sentence files.
        tokenizer: text to ids.
        config: everything else.
        folder: an existing folder for the files.
        threshold: documents whose `corpus.document_hash` lies below are held out.
        workers: blocks that are built at the same time; as many as there are cores if not given. The files are the
            same with any number.
        progress: is told the number of its documents after each block.

    Returns:
        The index that is to be written when all is done.
    """
    builder = RecordBuilder(tokenizer, config)
    seen = {part: _SeenKeys() for part in PARTS}
    statistics = {part: PartStatistics.empty(config.sequence_length) for part in PARTS}

    def blocks() -> Iterator[tuple[str, tf.Tensor, tf.Tensor]]:
        for is_held_out, documents in read_blocks(files, threshold):
            part = PARTS[int(is_held_out)]
            block = joined(documents)
            yield part, *(_without_repetitions(*block, seen[part]) if config.deduplicate else block)

    with contextlib.ExitStack() as stack:
        writers = {part: stack.enter_context(ShardWriter(folder, part, config.shard_bytes, config.compression))
                   for part in PARTS}
        for part, records in called_in_order(lambda part, lines, document: (part, builder.build(lines, document)),
                                             blocks(), workers or os.cpu_count() or 1):
            writers[part].write(records.serialized.numpy())
            statistics[part] += records.statistics(config.sequence_length)
            progress(int(records.documents))
    return make_index(config, tokenizer, {part: writer.shards for part, writer in writers.items()}, statistics,
                      sum(keys.repeated for keys in seen.values()))


def _without_repetitions(lines: tf.Tensor, document: tf.Tensor, seen: "_SeenKeys") -> tuple[tf.Tensor, tf.Tensor]:
    keep = seen.are_new(document_keys(lines, document).numpy(), document.numpy())
    return tf.boolean_mask(lines, keep), tf.boolean_mask(document, keep)


class _SeenKeys:
    """The documents that were met, as sorted arrays of their 64-bit keys, each at most half as long as the one before.

    Two different documents are taken for equal with a probability of `documents**2 / 2**65`: 3e-5 for 30 million.
    """

    def __init__(self):
        self._runs: list[np.ndarray] = []
        self.repeated = 0

    def are_new(self, keys: np.ndarray, document: np.ndarray) -> np.ndarray:
        """Which lines belong to documents that come for the first time.

        Args:
            keys: uint64 `(lines,)`, equal on all lines of a document.
            document: int32 `(lines,)`, their documents' numbers, rising.

        Returns:
            bool `(lines,)`.
        """
        _, start, lines = np.unique(document, return_index=True, return_counts=True)
        keys = keys[start]
        is_new = np.zeros(len(keys), bool)
        is_new[np.unique(keys, return_index=True)[1]] = True
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            is_new &= run[place] != keys
        self.repeated += int(len(keys) - is_new.sum())
        self._add(np.sort(keys[is_new]))
        return np.repeat(is_new, lines)

    def _add(self, keys: np.ndarray) -> None:
        while self._runs and len(self._runs[-1]) < 2 * len(keys):
            keys = np.union1d(self._runs.pop(), keys)
        if len(keys):
            self._runs.append(keys)
