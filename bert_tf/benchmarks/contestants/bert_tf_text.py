"""bert_tf's tokeniser and its builders of examples."""

import contextlib
import itertools
import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig, RecordsConfig
from bert_tf.data.pipelines import pretraining_dataset
from bert_tf.data.record_files import find_records
from bert_tf.data.records import records_dataset
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.workflows.build_records import build_records

_BATCH_SIZE = 32


class Tokenizer:
    """All lines in one call."""

    def __init__(self, job: dict, with_offsets: bool = False):
        self._tokenizer = WordPieceTokenizer(job["vocabulary"], lowercase=job["lowercase"])
        self.run = self._tokenizer.tokenize_with_offsets if with_offsets else self._tokenizer.tokenize

    def prepared(self, lines: list[str]) -> tf.Tensor:
        """A string tensor."""
        return tf.constant(lines)

    def ids(self, lines: tf.Tensor) -> list[list[int]]:
        """Of each line."""
        result = self.run(lines)
        return (result[0] if isinstance(result, tuple) else result).to_list()


class BatchBuilder:
    """Text to masked batches in memory; the time to the first one counts."""

    def __init__(self, job: dict):
        tokenizer = WordPieceTokenizer(job["vocabulary"], lowercase=job["lowercase"])
        self._batches = pretraining_dataset(
            [job["text"]], tokenizer, ExampleConfig(job["sequence_length"]), MaskingConfig(), batch_size=_BATCH_SIZE,
            seed=job["seed"]).take(job["batches"])

    def build(self) -> tuple[int, int]:
        """Examples and tokens of all batches."""
        counts = self._batches.reduce(tf.zeros([2], tf.int32), lambda counts, batch: counts + tf.stack(
            [tf.shape(batch[0]["padding_mask"])[0], tf.reduce_sum(batch[0]["padding_mask"])]))
        return tuple(counts.numpy().tolist())

    def samples(self, number: int) -> list[tuple[list[int], list[int], float]]:
        """The first examples, unmasked again."""
        return _samples(self._batches, number)


class RecordBuilder:
    """Text to record files, as `scripts/build_records.py` does it."""

    def __init__(self, job: dict):
        self._config = RecordsConfig(
            input=job["text"], vocabulary=job["vocabulary"], lowercase=job["lowercase"],
            sequence_length=job["sequence_length"], held_out_share=0.1, seed=job["seed"])

    def build(self) -> tuple[int, int]:
        """Examples and tokens of one pass."""
        with tempfile.TemporaryDirectory() as folder:
            parts = self._build(folder)["statistics"].values()
        return sum(part["examples"] for part in parts), sum(part["tokens"] for part in parts)

    def samples(self, number: int) -> list[tuple[list[int], list[int], float]]:
        """The first examples, masked as they are read, and unmasked again."""
        with tempfile.TemporaryDirectory() as folder:
            self._build(folder)
            tokenizer = WordPieceTokenizer(self._config.vocabulary, lowercase=self._config.lowercase)
            records = find_records(f"{folder}/*.tfrecord", tokenizer, self._config.examples())
            return _samples(records_dataset(records, tokenizer, MaskingConfig(), batch_size=_BATCH_SIZE), number)

    def _build(self, folder: str) -> dict:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):  # its progress bar
            return build_records(self._config, folder, workers=len(os.sched_getaffinity(0)))


def _samples(batches: tf.data.Dataset, number: int) -> list[tuple[list[int], list[int], float]]:
    rows = (row for batch in batches.as_numpy_iterator() for row in _unmasked(batch))
    return list(itertools.islice(rows, number))


def _unmasked(batch: tuple[dict, dict, dict]):
    inputs, labels, weights = batch
    token_ids = inputs["token_ids"].copy()
    row, slot = np.nonzero(weights["masked_lm"])
    token_ids[row, inputs["masked_positions"][row, slot]] = labels["masked_lm"][row, slot]
    for ids, segments, mask, masked in zip(token_ids, inputs["segment_ids"], inputs["padding_mask"],
                                           weights["masked_lm"], strict=True):
        end = int(mask.sum())
        middle = end - int(segments.sum())
        yield ids[1:middle - 1].tolist(), ids[middle:end - 1].tolist(), float(masked.sum()) / end
