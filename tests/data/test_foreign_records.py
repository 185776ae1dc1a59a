import gzip
import re

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data.record_files import find_records, records_tokenizer
from bert_tf.data.records import held_out_records, records_dataset
from bert_tf.text.tokenizer import WordPieceTokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(95))]
TOKENIZER = WordPieceTokenizer(PIECES)
LENGTH, SLOTS = 16, 4


def example(rng, spelling):
    """A masked record and its original: `(ids, tokens of the first segment, label)`."""
    first, second = rng.integers(2, 7, 2)
    ids = np.zeros(LENGTH, int)
    length = first + second + 3
    ids[:length] = [2, *rng.integers(5, 100, first), 3, *rng.integers(5, 100, second), 3]
    original = tuple(map(int, ids[:length]))
    positions = np.sort(rng.choice(np.arange(1, first + 1), 2, replace=False))
    labels = ids[positions]
    ids[positions] = 4
    label = int(rng.integers(2))
    segments = np.zeros(LENGTH, int)
    segments[first + 2:length] = 1
    names = {"input_ids": "segment_ids", "input_word_ids": "input_type_ids"}
    integers = {spelling: ids, names[spelling]: segments, "input_mask": np.arange(LENGTH) < length,
                "masked_lm_positions": [*positions, 0, 0], "masked_lm_ids": [*labels, 0, 0],
                "next_sentence_labels": [label]}
    features = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value) for value in values]))
                for name, values in integers.items()}
    features["masked_lm_weights"] = tf.train.Feature(float_list=tf.train.FloatList(value=[1, 1, 0, 0]))
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return record, (original, int(first) + 2, label)


@pytest.fixture(params=["input_ids", "input_word_ids"])
def foreign(request, tmp_path):
    """Two files, one compressed, and the originals of their examples."""
    rng = np.random.default_rng(0)
    originals = []
    for number, compression in enumerate(("", "GZIP")):
        with tf.io.TFRecordWriter(str(tmp_path / f"x{number}.tfrecord"), compression) as writer:
            for _ in range(150):
                record, original = example(rng, request.param)
                writer.write(record)
                originals.append(original)
    return tmp_path, originals


def find(folder, length=LENGTH, share=0.2, objective="nsp", tokenizer=TOKENIZER):
    return find_records(f"{folder}/*.tfrecord", tokenizer, ExampleConfig(length, objective), held_out_share=share)


def rows_of(batch):
    inputs, labels, weights = batch
    ids = inputs["token_ids"].copy()
    rows, slots = np.nonzero(weights["masked_lm"])
    ids[rows, inputs["masked_positions"][rows, slots]] = labels["masked_lm"][rows, slots]
    for row, mask, segments, label, real in zip(ids, inputs["padding_mask"], inputs["segment_ids"],
                                                labels["next_sentence"], weights["next_sentence"], strict=True):
        if real:
            yield tuple(map(int, row[:mask.sum()])), int((mask * (1 - segments)).sum()), int(label)


def test_originals_are_restored_and_divided_and_masked_anew(foreign, monkeypatch):
    from bert_tf.data import windows

    monkeypatch.setattr(windows, "LONGEST", 1)
    folder, originals = foreign
    records = find(folder)
    assert records.num_examples + records.num_held_out == 300 and 30 < records.num_held_out < 90
    assert records_tokenizer(f"{folder}/*.tfrecord") is None
    count = records.num_examples
    stream = list(records_dataset(records, TOKENIZER, MaskingConfig(), batch_size=1).take(2 * count)
                  .as_numpy_iterator())
    passes = [sorted(row for batch in half for row in rows_of(batch)) for half in (stream[:count], stream[count:])]
    held_out = held_out_records(records, TOKENIZER, MaskingConfig(), batch_size=8, max_examples=1000)
    evaluated = sorted(row for batch in held_out.as_numpy_iterator() for row in rows_of(batch))
    assert passes[0] == passes[1]
    assert sorted(passes[0] + evaluated) == sorted(originals)
    masked = {inputs["token_ids"].tobytes() for inputs, _, _ in stream}
    assert len(masked) > 1.7 * count
    later = records_dataset(records, TOKENIZER, MaskingConfig(), batch_size=1, first_batch=count + 100)
    for batch, expected in zip(later.take(5).as_numpy_iterator(), stream[count + 100:], strict=False):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, expected)


def test_stored_masks_can_be_kept(foreign):
    folder, originals = foreign
    records = find(folder)
    dataset = records_dataset(records, TOKENIZER, MaskingConfig(), batch_size=8, keep_masks=True, fixed_length=True)
    assert dataset.element_spec[0]["masked_positions"].shape == (8, SLOTS)
    rows = []
    for inputs, labels, weights in dataset.take(50).as_numpy_iterator():
        assert weights["masked_lm"].tolist() == [[1, 1, 0, 0]] * 8
        assert (np.take_along_axis(inputs["token_ids"], inputs["masked_positions"][:, :2], 1) == 4).all()
        rows += rows_of((inputs, labels, weights))
    assert set(rows) <= set(originals)
    masked = {inputs["token_ids"].tobytes() for inputs, _, _ in dataset.take(100).as_numpy_iterator()}
    assert len(masked) == 100  # batches of 8, never the same ones together


def test_damage_and_other_settings_are_named(foreign):
    folder, _ = foreign
    with pytest.raises(ValueError, match=r"`sequence_length` 32. Received: file='.*x0\.tfrecord', sequence_length=16"):
        find(folder, length=32)
    with pytest.raises(ValueError, match="held-out records to evaluate on"):
        find(folder, share=0.0)
    with pytest.raises(ValueError, match=r"--objective=sop. Received: records='?.*x0\.tfrecord"):
        find(folder, objective="sop")
    small = WordPieceTokenizer(PIECES[:50])
    dataset = records_dataset(find(folder, tokenizer=small), small, MaskingConfig(), batch_size=8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="token ids below 50, the size of the vocabulary"):
        next(iter(dataset))
    for name in ("x0.tfrecord", "x1.tfrecord"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-7])
        with pytest.raises(ValueError, match=rf"whole TFRecords in .*{re.escape(name)}. Received: .*after \d+ records"):
            find(folder)
        (folder / name).write_bytes(whole)
    (folder / "x2.tfrecord").write_bytes(gzip.compress(b""))
    with pytest.raises(ValueError, match=r"records in .*x2\.tfrecord"):
        find(folder)
