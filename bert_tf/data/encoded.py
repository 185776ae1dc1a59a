"""Examples as token ids in memory, and batches of them in which little is padding."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bert_tf.config import require
from bert_tf.data.streams import prefetched

WINDOW_BATCHES = 50
"""Batches whose examples are sorted by length together, so that lengths and examples still mix at random."""


@dataclasses.dataclass(frozen=True)
class EncodedExamples:
    """Tokenised and packed examples of a fine-tuning task.

    The tokens of all rows lie in a line, special ones included, padding not. An example has one row, or several of
    which the model sees all at once: the choices of a question, the two texts of a pair.

    Attributes:
        token_ids: int32 `(tokens,)`.
        row_splits: int64 `(rows + 1,)`; row i has the tokens from `row_splits[i]` up to `row_splits[i + 1]`.
        first_lengths: int32 `(rows,)`, tokens of segment 0.
        sources: int32 `(examples,)`, which record of the file each example comes from; long ones give several.
        pad_id: id of [PAD].
        labels: output of the model -> labels `(examples,)`; empty if they are not known.
        token_labels: int32 `(tokens,)`, labels of the output `logits`, negative where none is to be predicted.
        token_words: int32 `(tokens,)`, which word of its sentence a token begins, negative where none.
        rows_per_example: 1 unless an example is several rows: then features have an axis more.
    """

    token_ids: np.ndarray
    row_splits: np.ndarray
    first_lengths: np.ndarray
    sources: np.ndarray
    pad_id: int
    labels: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    token_labels: np.ndarray | None = None
    token_words: np.ndarray | None = None
    rows_per_example: int = 1

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of the longest row of each example, int64 `(examples,)`."""
        return np.diff(self.row_splits).reshape(-1, self.rows_per_example).max(axis=1, initial=0)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in which each example is once; the last one may be smaller."""
        return -(-len(self) // batch_size)

    @tf.autograph.experimental.do_not_convert
    def training_batches(self, batch_size: int, *, seed: int = 0, first_batch: int = 0) -> tf.data.Dataset:
        """An endless stream of batches; batch i depends on (seed, i) only.

        Every `steps_per_epoch` batches hold each example once. Each epoch shuffles anew, sorts by length in windows,
        cuts into batches, one of them smaller if need be, and shuffles the batches.

        Args:
            batch_size: examples per batch, over all devices.
            seed: of the order.
            first_batch: batches to skip, for a run that goes on.

        Returns:
            `(inputs, labels, weights)`: token_ids, segment_ids and padding_mask, int32 `(batch, seq)` or
            `(batch, rows, seq)`, as long as the batch's longest row; labels and weights keyed like the model's outputs.
        """
        self._check(batch_size)
        steps = self.steps_per_epoch(batch_size)
        epoch, skipped = divmod(first_batch, steps)
        lengths = tf.constant(self.lengths)
        orders = tf.data.Dataset.range(epoch, 2**62).map(lambda number: _epoch(lengths, batch_size, seed, number))
        numbers = orders.flat_map(tf.data.Dataset.from_tensor_slices).skip(skipped)
        return self._batches(numbers)

    @tf.autograph.experimental.do_not_convert
    def evaluation_batches(self, batch_size: int) -> tf.data.Dataset:
        """Every example once, shortest first; see `by_length` and `in_order`. Batches as in `training_batches`."""
        self._check(batch_size)
        numbers = _filled(tf.constant(self.by_length()), batch_size)
        return self._batches(tf.data.Dataset.from_tensor_slices(numbers))

    def by_length(self) -> np.ndarray:
        """The numbers of the examples in the order of `evaluation_batches`, int64 `(examples,)`."""
        return np.argsort(self.lengths, kind="stable")

    def in_order(self, results: Sequence) -> list:
        """Results for the examples of `evaluation_batches`, one after the other, as a list in the examples' order."""
        require(len(results) == len(self), "a result for each example", examples=len(self), results=len(results))
        ordered = [None] * len(self)
        for number, result in zip(self.by_length(), results, strict=True):
            ordered[number] = result
        return ordered

    def _check(self, batch_size: int) -> None:
        require(batch_size >= 1, "`batch_size` >= 1", batch_size=batch_size)
        require(len(self) >= 1, "at least one example", examples=0)

    def _batches(self, numbers: tf.data.Dataset) -> tf.data.Dataset:
        """From rows of example numbers, filled up with -1, to batches."""
        # Eager tensors are held once, not copied into the graph of the data set.
        with tf.device("CPU:0"):
            row_splits, first_lengths = tf.constant(self.row_splits), tf.constant(self.first_lengths, tf.int64)
            token_ids = tf.constant(np.append(self.token_ids, self.pad_id), tf.int32)
            labels = {name: tf.constant(values) for name, values in self.labels.items()}
            token_labels = None if self.token_labels is None else tf.constant(np.append(self.token_labels, -1))

        def batch(number: tf.Tensor) -> tuple[dict, dict, dict]:
            number = tf.boolean_mask(number, number >= 0)
            row = tf.reshape(number[:, tf.newaxis] * self.rows_per_example + tf.range(
                self.rows_per_example, dtype=tf.int64), [-1])
            start = tf.gather(row_splits, row)[:, tf.newaxis]  # (rows, 1)
            length = tf.gather(row_splits, row + 1)[:, tf.newaxis] - start
            position = tf.range(tf.reduce_max(length))[tf.newaxis]
            is_token = position < length
            is_second = is_token & (position >= tf.gather(first_lengths, row)[:, tf.newaxis])
            place = tf.where(is_token, start + position, tf.size(token_ids, tf.int64) - 1)
            inputs = {"token_ids": tf.gather(token_ids, place), "segment_ids": tf.cast(is_second, tf.int32),
                      "padding_mask": tf.cast(is_token, tf.int32)}
            if self.rows_per_example > 1:
                inputs = {name: tf.reshape(values, [-1, self.rows_per_example, tf.shape(values)[1]])
                          for name, values in inputs.items()}
            batch_labels = {name: tf.gather(values, number) for name, values in labels.items()}
            weights = {name: tf.ones_like(values, tf.float32) for name, values in batch_labels.items()}
            if token_labels is not None:
                batch_labels["logits"] = tf.gather(token_labels, place)
                weights["logits"] = tf.cast(batch_labels["logits"] >= 0, tf.float32)
            return inputs, batch_labels, weights

        batches = numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return prefetched(batches)


def _epoch(lengths: tf.Tensor, batch_size: int, seed: int, number: tf.Tensor) -> tf.Tensor:
    """The batches of an epoch as numbers of examples, int64 `(steps, batch_size)`, -1 where a batch is smaller."""
    seeds = tf.random.experimental.stateless_split(tf.stack([tf.constant(seed, tf.int64), number]), 2)
    count = tf.size(lengths, tf.int64)
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seeds[0])
    # One sort for all windows: by window first, then by length.
    window = tf.range(count) // (batch_size * WINDOW_BATCHES)
    key = window * (tf.reduce_max(lengths) + 1) + tf.gather(lengths, order)
    batches = _filled(tf.gather(order, tf.argsort(key, stable=True)), batch_size)
    return tf.random.experimental.stateless_shuffle(batches, seeds[1])


def _filled(order: tf.Tensor, batch_size: int) -> tf.Tensor:
    """`(examples,)` -> `(steps, batch_size)`, filled up with -1."""
    missing = -tf.size(order) % batch_size
    return tf.reshape(tf.pad(order, [[0, missing]], constant_values=-1), [-1, batch_size])
