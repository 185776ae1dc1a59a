"""Record files -> batches for `fit`, masked anew on every pass, with the windows and batches of `pipelines.py`."""

import tensorflow as tf

from bert_tf.config import MaskingConfig, require
from bert_tf.data.batches import (
    Finish,
    encoder_features,
    evaluation_batches,
    masked,
    training_batches,
    weighted,
)
from bert_tf.data.foreign_records import is_held_out
from bert_tf.data.record_files import RecordFile, RecordFiles
from bert_tf.data.record_format import parse_examples
from bert_tf.data.streams import prefetched
from bert_tf.data.windows import Windows
from bert_tf.text.tokenizer import WordPieceTokenizer

_RECORDS_PER_PARSE = 1024


@tf.autograph.experimental.do_not_convert
def records_dataset(records: RecordFiles, tokenizer: WordPieceTokenizer, masking: MaskingConfig, *, batch_size: int,
                    seed: int = 0, first_batch: int = 0, fixed_length: bool = False, keep_masks: bool = False,
                    service: str | None = None) -> tf.data.Dataset:
    """An endless stream of masked batches; batch i depends on the files, the configuration and (seed, i) only.

    Every pass shuffles the files and, within windows, the examples, and masks anew. A run that goes on skips whole
    files by their counts, and records without parsing them.

    Args:
        records: from `find_records`.
        tokenizer: of the model.
        masking: how tokens are hidden.
        batch_size: examples per batch, over all devices.
        seed: of everything random.
        first_batch: batches to skip, for a run that goes on.
        fixed_length: give all batches one shape that is known beforehand, for TPUs.
        keep_masks: train on the masks that foreign files hold.
        service: address of a `tf.data` service, such as "grpc://host:5000", whose workers read, shuffle and mask; they
            must see the files under the same names. With one worker the batches are the same as without; several work
            on different passes over the files, and their batches come in the order they are ready.

    Returns:
        `(inputs, labels, weights)` as in `features.split_pretraining`, int32 `(batch_size, seq)` and so on.

    Raises:
        tf.errors.InvalidArgumentError: while it is read, an id beyond the vocabulary.
    """
    finish = _finish(records, tokenizer, masking, seed, keep_masks)
    windows = Windows(batch_size)
    window, skipped = windows.place_of(first_batch)
    serialized = _records_from(records, (first_batch - skipped) * batch_size, seed)
    rows = _parsed(serialized, records, tokenizer, keep_masks)
    batches = training_batches(
        windows.cut(rows, window), finish, batch_size=batch_size, sequence_length=records.examples.sequence_length,
        seed=seed, skipped=skipped, first_batch=first_batch, fixed_length=fixed_length)
    if service is None:
        return batches
    batches = batches.apply(tf.data.experimental.service.distribute(
        tf.data.experimental.service.ShardingPolicy.DYNAMIC, service))
    return prefetched(batches)


@tf.autograph.experimental.do_not_convert
def held_out_records(records: RecordFiles, tokenizer: WordPieceTokenizer, masking: MaskingConfig, *, batch_size: int,
                     max_examples: int, seed: int = 0, fixed_length: bool = False,
                     keep_masks: bool = False) -> tf.data.Dataset:
    """The first `max_examples` held-out examples, masked, the same on every pass and kept in memory.

    Arguments as in `records_dataset`. All batches have `batch_size` rows: the last one is filled up with examples of
    weight 0.
    """
    finish = _finish(records, tokenizer, masking, seed, keep_masks)
    files = tf.data.Dataset.from_tensor_slices(_columns(records.held_out))
    serialized = files.flat_map(lambda name, compression, _: _batched(
        name, _side(_reader(name, compression), records, held_out=True).take(max_examples)))
    window = _parsed(serialized, records, tokenizer, keep_masks).rebatch(max_examples).take(1)
    return evaluation_batches(window, finish, batch_size=batch_size, fixed_length=fixed_length,
                              sequence_length=records.examples.sequence_length)


def _finish(records: RecordFiles, tokenizer: WordPieceTokenizer, masking: MaskingConfig, seed: int,
            keep_masks: bool) -> Finish:
    objective = records.examples.objective
    if not keep_masks:
        return masked(masking, tokenizer.vocabulary, sequence_length=records.examples.sequence_length,
                      objective=objective, seed=seed)
    require(records.foreign is not None, "records that hold masks, for `keep_masks`; build_records.py stores none",
            records=records.train[0].path)
    names = ("masked_positions", "masked_labels", "masked_weights")
    return lambda number, rows: weighted(
        encoder_features(rows, objective) | {name: rows[name] for name in names}, rows)


def _records_from(records: RecordFiles, first: int, seed: int) -> tf.data.Dataset:
    """`(file, serialized (records,))` without end, beginning with example `first`; each pass shuffles the files."""
    first_pass, rest = divmod(first, records.num_examples)
    columns = _columns(records.train)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(records.train)), tf.stack([tf.constant(seed, tf.int64), number]))
        name, compression, count = (tf.gather(column, order) for column in columns)
        left = tf.where(number == first_pass, tf.constant(rest, tf.int64), 0)
        skipped = tf.clip_by_value(left - tf.cumsum(count, exclusive=True), 0, count)
        opened = skipped < count
        files = tf.data.Dataset.from_tensor_slices(tuple(
            tf.boolean_mask(column, opened) for column in (name, compression, skipped)))
        return files.flat_map(lambda name, compression, skipped: _batched(
            name, _side(_reader(name, compression), records, held_out=False).skip(skipped)))

    return tf.data.Dataset.range(first_pass, 2**62).flat_map(one_pass)


def _columns(files: tuple[RecordFile, ...]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    return (tf.constant([file.path for file in files], tf.string),
            tf.constant([file.compression for file in files], tf.string),
            tf.constant([file.examples for file in files], tf.int64))


def _reader(name: tf.Tensor, compression: tf.Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(name, compression_type=compression, buffer_size=1 << 20)


def _side(dataset: tf.data.Dataset, records: RecordFiles, held_out: bool) -> tf.data.Dataset:
    if records.foreign is None:
        return dataset
    return dataset.filter(lambda record: is_held_out(record, records.held_out_threshold) == held_out)


def _batched(name: tf.Tensor, dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.batch(_RECORDS_PER_PARSE).map(lambda serialized: (name, serialized))


def _parsed(serialized: tf.data.Dataset, records: RecordFiles, tokenizer: WordPieceTokenizer,
            keep_masks: bool) -> tf.data.Dataset:
    size = len(tokenizer.vocabulary)

    def parse(name: tf.Tensor, batch: tf.Tensor) -> dict[str, tf.Tensor]:
        if records.foreign is not None:
            return records.foreign.parse(batch, name, vocabulary_size=size, keep_masks=keep_masks)
        return parse_examples(batch, name, sequence_length=records.examples.sequence_length, vocabulary_size=size)

    return serialized.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
