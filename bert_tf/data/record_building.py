"""Sentence files -> record files on one machine, as a stream; and what that shares with the pipeline of `beam.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf.config import RecordsConfig
from bert_tf.data.blocks import block_examples, documents_of
from bert_tf.data.draws import document_keys
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


@tf.autograph.experimental.do_not_convert
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
        workers: threads; all cores if not given. The files are the same with any number.
        progress: is told the number of its documents after each block.

    Returns:
        The index that is to be written when all is done.
    """
    shards, statistics, duplicates = {}, {}, 0
    builder = RecordBuilder(tokenizer, config)
    for part in PARTS:
        seen = _SeenKeys()
        documents = documents_of(files, threshold, held_out=part == "held_out")
        if config.deduplicate:
            documents = _without_repetitions(documents, seen)
        built = _built(documents, builder, workers)
        statistics[part] = PartStatistics.empty(config.sequence_length)
        with ShardWriter(folder, part, config.shard_bytes, config.compression) as writer:
            for records in built.as_numpy_iterator():
                writer.write(records.serialized)
                statistics[part] += records.statistics(config.sequence_length)
                progress(int(records.documents))
        shards[part] = writer.shards
        duplicates += seen.repeated
    return make_index(config, tokenizer, shards, statistics, duplicates)


def _without_repetitions(documents: tf.data.Dataset, seen: "_SeenKeys") -> tf.data.Dataset:
    keyed = documents.map(lambda lines, document: (lines, document, document_keys(lines, document)),
                          num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def first_ones(lines: tf.Tensor, document: tf.Tensor, keys: tf.Tensor):
        keep = tf.ensure_shape(tf.numpy_function(seen.are_new, [keys, document], tf.bool), [None])
        return tf.boolean_mask(lines, keep), tf.boolean_mask(document, keep)

    return keyed.map(first_ones)


def _built(documents: tf.data.Dataset, builder: RecordBuilder, workers: int | None) -> tf.data.Dataset:
    """The records of each block, in the order of the text."""
    built = documents.map(builder.build, num_parallel_calls=workers or tf.data.AUTOTUNE,
                          deterministic=True).prefetch(1)
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers or 0
    return built.with_options(options)


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
