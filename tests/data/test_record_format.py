import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.record_format import ExampleSerializer, ForeignLayout, parse_examples


def packed(token_ids, length, first_length, label):
    return {name: tf.constant(values, tf.int32) for name, values in dict(
        token_ids=token_ids, length=length, first_length=first_length, next_sentence_label=label).items()}


def foreign(spelling, *, label=True, ids=(2, 4, 6, 3, 7, 3, 0, 0), segments=(0, 0, 0, 0, 1, 1, 0, 0)):
    """A record as Google's (`input_ids`) or Model Garden's (`input_word_ids`) scripts write it; 5 became 4 = [MASK]."""
    names = {"input_ids": "segment_ids", "input_word_ids": "input_type_ids"}
    integers = {spelling: ids, names[spelling]: segments, "input_mask": [1] * 6 + [0] * 2,
                "masked_lm_positions": [1, 0, 0], "masked_lm_ids": [5, 0, 0]} | (
                    {"next_sentence_labels": [1]} if label else {})
    features = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
                for name, values in integers.items()}
    features["masked_lm_weights"] = tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 0, 0]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def test_anyone_can_read_the_bytes():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 120_000, (50, 512))
    lengths = rng.integers(3, 513, 50)
    rows = packed(ids, lengths, lengths // 2, np.arange(50) % 2)
    records = tf.function(ExampleSerializer(120_000, 512, has_labels=True).serialize)(rows).numpy()
    for number, record in enumerate(records):
        features = tf.train.Example.FromString(record).features.feature
        assert set(features) == {"token_ids", "first_length", "next_sentence_label"}
        assert list(features["token_ids"].int64_list.value) == ids[number, :lengths[number]].tolist()
        assert features["first_length"].int64_list.value == [lengths[number] // 2]
        assert features["next_sentence_label"].int64_list.value == [number % 2]


def test_the_bytes_are_those_of_protocol_buffers():
    rows = packed([[2, 5, 300, 3, 7, 3, 0, 0], [2, 299, 3, 0, 0, 0, 0, 0]], [6, 3], [4, 3], [1, 0])
    assert ExampleSerializer(301, 8, has_labels=True).serialize(rows).numpy().tolist() == [
        b"\x0aO" b"\x0a\x18\x0a\x09token_ids\x12\x0b\x1a\x09\x0a\x07\x02\x05\xac\x02\x03\x07\x03"
        b"\x0a\x15\x0a\x0cfirst_length\x12\x05\x1a\x03\x0a\x01\x04"
        b"\x0a\x1c\x0a\x13next_sentence_label\x12\x05\x1a\x03\x0a\x01\x01",
        b"\x0aL" b"\x0a\x15\x0a\x09token_ids\x12\x08\x1a\x06\x0a\x04\x02\xab\x02\x03"
        b"\x0a\x15\x0a\x0cfirst_length\x12\x05\x1a\x03\x0a\x01\x03"
        b"\x0a\x1c\x0a\x13next_sentence_label\x12\x05\x1a\x03\x0a\x01\x00"]


@pytest.mark.parametrize("has_labels", [True, False])
def test_what_is_written_is_parsed_again(has_labels):
    rows = packed([[2, 5, 6, 3, 7, 3, 0, 0], [2, 300, 3, 0, 0, 0, 0, 0]], [6, 3], [4, 3], [1, 0])
    records = ExampleSerializer(301, 8, has_labels=has_labels).serialize(rows)
    parsed = parse_examples(records, "x", sequence_length=8, vocabulary_size=301)
    if not has_labels:
        rows["next_sentence_label"] *= 0
    assert set(parsed) == set(rows)
    for name in rows:
        assert parsed[name].dtype == tf.int32 and parsed[name].numpy().tolist() == rows[name].numpy().tolist()
    assert ExampleSerializer(301, 8, has_labels=True).serialize(
        {name: values[:0] for name, values in rows.items()}).shape == (0,)


@pytest.mark.parametrize("spelling", ["input_ids", "input_word_ids"])
@pytest.mark.parametrize("label", [True, False])
def test_foreign_records_are_restored(spelling, label):
    record = foreign(spelling, label=label)
    layout = ForeignLayout.of(record, "x")
    assert layout == ForeignLayout(spelling, 8, 3, label)
    rows = layout.parse(tf.constant([record, record]), "x", vocabulary_size=10, keep_masks=False)
    expected = packed([[2, 5, 6, 3, 7, 3, 0, 0]] * 2, [6, 6], [4, 4], [1, 1])
    if not label:
        del expected["next_sentence_label"]
    assert {name: values.numpy().tolist() for name, values in rows.items()} == {
        name: values.numpy().tolist() for name, values in expected.items()}


def test_foreign_masks_can_be_kept():
    record = foreign("input_ids")
    rows = ForeignLayout.of(record, "x").parse(tf.constant([record]), "x", vocabulary_size=10, keep_masks=True)
    assert rows["token_ids"].numpy().tolist() == [[2, 4, 6, 3, 7, 3, 0, 0]]
    assert rows["masked_positions"].numpy().tolist() == [[1, 0, 0]]
    assert rows["masked_labels"].numpy().tolist() == [[5, 0, 0]]
    assert rows["masked_weights"].numpy().tolist() == [[1, 0, 0]]


def test_ids_beyond_the_vocabulary_are_an_error_that_names_the_file():
    records = ExampleSerializer(301, 8, has_labels=False).serialize(packed([[2, 300, 3]], [3], [3], [0]))
    parse = tf.function(lambda: parse_examples(records, "some.tfrecord", sequence_length=8, vocabulary_size=300))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"token ids below 300(.|\n)*300(.|\n)*some\.tfrecord"):
        parse()
    record = foreign("input_ids")
    with pytest.raises(tf.errors.InvalidArgumentError, match="token ids below 7"):
        ForeignLayout.of(record, "x").parse(tf.constant([record]), "x", vocabulary_size=7, keep_masks=False)


def test_other_records_are_refused():
    other = tf.train.Example()
    other.features.feature["image"].bytes_list.value.append(b"x")
    with pytest.raises(ValueError, match=r"pre-training records in a\.tfrecord.*features=\['image'\]"):
        ForeignLayout.of(other.SerializeToString(), "a.tfrecord")
    with pytest.raises(ValueError, match=r"tf\.train\.Example records in a\.tfrecord"):
        ForeignLayout.of(b"\xff\xff\xff", "a.tfrecord")
    ours = ExampleSerializer(10, 8, has_labels=False).serialize(packed([[2, 5, 3]], [3], [3], [0]))
    with pytest.raises(ValueError, match=r"index\.json beside a\.tfrecord"):
        ForeignLayout.of(ours.numpy()[0], "a.tfrecord")
