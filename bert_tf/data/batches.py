"""Packed examples -> shuffled windows -> batches by length -> masked batches: what text and record files share."""

from collections.abc import Callable

import tensorflow as tf

from bert_tf.config import MaskingConfig
from bert_tf.data.masking import mask_tokens
from bert_tf.data.streams import ending_at_once, prefetched
from bert_tf.features import split_pretraining
from bert_tf.text.vocabulary import Vocabulary

Finish = Callable[[tf.Tensor, dict[str, tf.Tensor]], tuple[dict, dict, dict]]
"""From the number of a batch and its rows to `(inputs, labels, weights)`."""


def training_batches(windows: tf.data.Dataset, finish: Finish, *, batch_size: int, sequence_length: int, seed: int,
                     skipped: int, first_batch: int, fixed_length: bool) -> tf.data.Dataset:
    """Numbered windows of examples -> batches from `first_batch` on.

    Args:
        windows: `(number, examples)` from the window that holds `first_batch` on; every window is full.
        finish: masks.
        batch_size: examples per batch.
        sequence_length: of the examples.
        seed: of the order of the batches.
        skipped: batches before `first_batch` in its window.
        first_batch: number of the first batch to give out.
        fixed_length: pad all batches to `sequence_length`.
    """
    windows = windows.map(lambda number, window: _by_length(
        window, batch_size, tf.stack([tf.constant(seed, tf.int64), number])), num_parallel_calls=1)
    # The next window is built while the batches of this one train the model.
    batches = windows.prefetch(1).flat_map(
        lambda window: _cut(window, batch_size, sequence_length, fixed_length))
    batches = batches.skip(skipped).enumerate(first_batch)
    batches = batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return prefetched(batches)


def evaluation_batches(window: tf.data.Dataset, finish: Finish, *, batch_size: int, sequence_length: int,
                       fixed_length: bool) -> tf.data.Dataset:
    """The examples of one window, if there is any, in ascending length, kept in memory; its cardinality is known.

    The last batch is filled up to `batch_size` with examples of weight 0.
    """
    window = window.map(lambda window: _filled_up(_by_length(window, batch_size, seed=None), batch_size))
    batches = window.flat_map(lambda window: _cut(window, batch_size, sequence_length, fixed_length))
    batches = batches.enumerate().map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    batches = ending_at_once(batches.cache())
    count = int(batches.reduce(0, lambda count, _: count + 1))
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def masked(masking: MaskingConfig, vocabulary: Vocabulary, *, sequence_length: int, objective: str,
           seed: int) -> Finish:
    """Masks batch i with draws of its own, given by `seed` and i."""
    # Number of slots by padded length, computed once with Python's own rounding.
    slots = [masking.max_masked(length) for length in range(sequence_length + 1)]

    def finish(number: tf.Tensor, rows: dict[str, tf.Tensor]) -> tuple[dict, dict, dict]:
        features = encoder_features(rows, objective)
        length = rows["token_ids"].shape[1]
        max_masked = tf.constant(slots)[tf.shape(rows["token_ids"])[1]] if length is None else slots[length]
        # Far from the seeds of windows.
        batch_seed = tf.stack([tf.constant(seed, tf.int64) + 2**32, number])
        features = mask_tokens(features, batch_seed, masking, vocabulary, max_masked)
        return weighted(features, rows)

    return finish


def encoder_features(rows: dict[str, tf.Tensor], objective: str) -> dict[str, tf.Tensor]:
    """Segments and padding from the lengths of `(batch, seq)` token ids."""
    token_ids = rows["token_ids"]
    position = tf.range(tf.shape(token_ids)[1])[tf.newaxis]
    padding_mask = tf.cast(position < rows["length"][:, tf.newaxis], tf.int32)
    segment_ids = tf.cast(position >= rows["first_length"][:, tf.newaxis], tf.int32) * padding_mask
    features = {"token_ids": token_ids, "segment_ids": tf.ensure_shape(segment_ids, token_ids.shape),
                "padding_mask": tf.ensure_shape(padding_mask, token_ids.shape)}
    if objective != "mlm":
        features["next_sentence_label"] = rows["next_sentence_label"]
    return features


def weighted(features: dict[str, tf.Tensor], rows: dict[str, tf.Tensor]) -> tuple[dict, dict, dict]:
    """`features.split_pretraining`; the weights of rows that only fill a batch up become 0."""
    inputs, labels, weights = split_pretraining(features)
    if "is_real" in rows:
        weights["masked_lm"] *= rows["is_real"][:, tf.newaxis]
        if "next_sentence" in weights:
            weights["next_sentence"] *= rows["is_real"]
    return inputs, labels, weights


def _by_length(window: dict[str, tf.Tensor], batch_size: int, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
    """Orders a window so that batches hold examples of like length and, with a seed, follow each other at random."""
    length = window["length"]
    if seed is None:
        order = tf.argsort(length, stable=True)
    else:
        shuffle_seed, batch_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(length)), shuffle_seed)
        order = tf.gather(order, tf.argsort(tf.gather(length, order), stable=True))
        batches = tf.random.experimental.stateless_shuffle(tf.reshape(order, [-1, batch_size]), batch_seed)
        order = tf.reshape(batches, [-1])
    return {name: tf.gather(values, order) for name, values in window.items()}


def _filled_up(window: dict[str, tf.Tensor], batch_size: int) -> dict[str, tf.Tensor]:
    """Repeats the last example until the batches are full; `is_real`, float32 `(examples,)`, is 0 for what is added.

    Real tokens, because attention over padding alone would be undefined.
    """
    count = tf.size(window["length"])
    place = tf.range(-(-count // batch_size) * batch_size)
    filled = {name: tf.gather(values, tf.minimum(place, count - 1)) for name, values in window.items()}
    return filled | {"is_real": tf.cast(place < count, tf.float32)}


def _cut(window: dict[str, tf.Tensor], batch_size: int, sequence_length: int, fixed_length: bool) -> tf.data.Dataset:
    """The batches of an ordered, full window, each as long as its longest example asks for.

    Lengths are rounded up to a 32nd of `sequence_length`: few shapes, little padding.
    """
    multiple = max(1, sequence_length // 32)
    num_batches = tf.size(window["length"], tf.int64) // batch_size

    def batch(number: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = {name: tf.ensure_shape(values[number * batch_size:(number + 1) * batch_size],
                                      [batch_size, *values.shape[1:]]) for name, values in window.items()}
        if not fixed_length:
            longest = -(-tf.reduce_max(rows["length"]) // multiple) * multiple
            rows["token_ids"] = rows["token_ids"][:, :tf.minimum(longest, sequence_length)]
        return rows

    return tf.data.Dataset.range(num_batches).map(batch)
