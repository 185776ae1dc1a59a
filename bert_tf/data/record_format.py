"""Packed examples <-> `tf.train.Example` bytes, many at a time, in graph.

Ours hold three int64 features and no masks: `token_ids`, not padded; `first_length`, the tokens with segment 0;
`next_sentence_label`, absent for masked LM only. Google's create_pretraining_data.py and Model Garden's store padded
and masked examples; their originals are restored from the stored positions and labels, so that they can be masked anew.
"""

import dataclasses

import tensorflow as tf

from bert_tf.config import require
from bert_tf.text.pieces import outside_of_graphs

Rows = dict[str, tf.Tensor]

_IDS = ("input_ids", "input_word_ids")
_SEGMENTS = {"input_ids": "segment_ids", "input_word_ids": "input_type_ids"}
_MASKS = {"masked_lm_positions": "masked_positions", "masked_lm_ids": "masked_labels"}
_LABEL = "next_sentence_labels"


class ExampleSerializer:
    """Writes the protocol-buffer bytes of our examples without a Python object per example.

    All bytes come from tables: those of an id, those before the ids of an example by their number of bytes, those after
    them by `first_length` and `next_sentence_label`, and those before all by the number of bytes in all.

    Args:
        vocabulary_size: ids are below.
        sequence_length: tokens of an example at most.
        has_labels: write `next_sentence_label`.
    """

    def __init__(self, vocabulary_size: int, sequence_length: int, *, has_labels: bool):
        ids = [_varint(value) for value in range(vocabulary_size)]
        longest = sequence_length * len(ids[-1])
        before = [_feature("token_ids", count) for count in range(longest + 1)]
        after = [_feature("first_length", len(value)) + value + label for label in _labels(has_labels)
                 for value in map(_varint, range(sequence_length + 1))]
        longest += max(map(len, before)) + max(map(len, after))
        self._ids = outside_of_graphs([*ids, b""])
        self._before, self._after = outside_of_graphs(before), outside_of_graphs(after)
        self._example = outside_of_graphs([_field(1, count) for count in range(longest + 1)])
        self._has_labels, self._sequence_length = has_labels, sequence_length
        self._nothing = vocabulary_size

    def serialize(self, rows: Rows) -> tf.Tensor:
        """From what `pairing.pack_pairs` returns to string `(examples,)`."""
        is_token = tf.range(tf.shape(rows["token_ids"])[1]) < rows["length"][:, tf.newaxis]
        ids = tf.strings.reduce_join(
            tf.gather(self._ids, tf.where(is_token, rows["token_ids"], self._nothing)), axis=1)
        after = rows["first_length"]
        if self._has_labels:
            after += rows["next_sentence_label"] * (self._sequence_length + 1)
        features = tf.strings.join([tf.gather(self._before, tf.strings.length(ids)), ids,
                                    tf.gather(self._after, after)])
        return tf.strings.join([tf.gather(self._example, tf.strings.length(features)), features])


def _labels(has_labels: bool) -> list[bytes]:
    """The feature `next_sentence_label` of both values."""
    return [_feature("next_sentence_label", 1) + _varint(label) for label in (0, 1)] if has_labels else [b""]


def _feature(name: str, num_bytes: int) -> bytes:
    """What precedes `num_bytes` bytes of values in an entry of the map `Features.feature`.

    The entry holds its key, and a `Feature` with a packed `Int64List`.
    """
    before = _field(1, num_bytes)
    before = _field(3, len(before) + num_bytes) + before
    before = _field(2, len(before) + num_bytes) + before
    before = _field(1, len(name)) + name.encode() + before
    return _field(1, len(before) + num_bytes) + before


def _field(number: int, num_bytes: int) -> bytes:
    """What precedes `num_bytes` bytes of a field of wire type 2."""
    return bytes([number << 3 | 2]) + _varint(num_bytes)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def parse_examples(serialized: tf.Tensor, file: tf.Tensor, *, sequence_length: int, vocabulary_size: int) -> Rows:
    """Our examples, as `pairing.pack_pairs` returns them; 0 pads.

    Args:
        serialized: string `(examples,)`.
        file: string `()`, named by errors.
        sequence_length: the examples' longest.
        vocabulary_size: an id beyond is an error.
    """
    parsed = tf.io.parse_example(serialized, {
        "token_ids": tf.io.RaggedFeature(tf.int64), "first_length": tf.io.FixedLenFeature([], tf.int64),
        "next_sentence_label": tf.io.FixedLenFeature([], tf.int64, default_value=0)})
    tokens = parsed.pop("token_ids")
    _check_ids(tokens.values, vocabulary_size, file)
    rows = {name: tf.cast(values, tf.int32) for name, values in parsed.items()}
    return rows | {"token_ids": tf.cast(tokens.to_tensor(shape=[None, sequence_length]), tf.int32),
                   "length": tf.cast(tokens.row_lengths(), tf.int32)}


@dataclasses.dataclass(frozen=True)
class ForeignLayout:
    """How Google's or Model Garden's files spell their features.

    Attributes:
        ids: name of the token ids.
        sequence_length: tokens of every example, padding included.
        max_masked: positions of every example, unused ones included.
        has_labels: there is a next-sentence label.
    """

    ids: str
    sequence_length: int
    max_masked: int
    has_labels: bool

    @classmethod
    def of(cls, serialized: bytes, file: str) -> "ForeignLayout":
        """The layout of one record.

        Raises:
            ValueError: it has other features; the message names `file`.
        """
        try:
            features = tf.train.Example.FromString(serialized).features.feature
        except Exception as error:  # protobuf's DecodeError differs between its implementations
            raise ValueError(f"Expected tf.train.Example records in {file}. Received: {error}.") from None
        ids = next((name for name in _IDS if name in features), None)
        require("token_ids" not in features, f"index.json beside {file}, which is written when build_records.py has "
                "finished", features=sorted(features))
        require(ids is not None and {_SEGMENTS[ids], "input_mask", "masked_lm_weights", *_MASKS} <= set(features),
                f"pre-training records in {file}, from build_records.py, create_pretraining_data.py or Model Garden",
                features=sorted(features))
        return cls(ids, len(features[ids].int64_list.value), len(features["masked_lm_ids"].int64_list.value),
                   _LABEL in features)

    def parse(self, serialized: tf.Tensor, file: tf.Tensor, *, vocabulary_size: int, keep_masks: bool) -> Rows:
        """The examples as `parse_examples` gives them; with `keep_masks` masked as stored, with the stored masks."""
        whole = tf.io.FixedLenFeature([self.sequence_length], tf.int64)
        slots = tf.io.FixedLenFeature([self.max_masked], tf.int64)
        spec = {self.ids: whole, _SEGMENTS[self.ids]: whole, "input_mask": whole, **dict.fromkeys(_MASKS, slots),
                "masked_lm_weights": tf.io.FixedLenFeature([self.max_masked], tf.float32)}
        if self.has_labels:
            spec[_LABEL] = tf.io.FixedLenFeature([1], tf.int64)
        parsed = tf.io.parse_example(serialized, spec)
        weights = parsed.pop("masked_lm_weights")
        for name in (self.ids, "masked_lm_ids"):
            _check_ids(parsed[name], vocabulary_size, file)
        # int64 on disk, int32 as everywhere else.
        parsed = {name: tf.cast(values, tf.int32) for name, values in parsed.items()}
        masks = {ours: parsed[theirs] for theirs, ours in _MASKS.items()} | {"masked_weights": weights}
        padding = parsed["input_mask"]
        in_first = padding * (1 - parsed[_SEGMENTS[self.ids]])
        rows = {"token_ids": parsed[self.ids], "length": tf.reduce_sum(padding, axis=1),
                "first_length": tf.reduce_sum(in_first, axis=1)}
        if self.has_labels:
            rows["next_sentence_label"] = parsed[_LABEL][:, 0]
        return rows | masks if keep_masks else rows | {"token_ids": _restored(rows["token_ids"], masks)}


def _restored(token_ids: tf.Tensor, masks: Rows) -> tf.Tensor:
    """Puts the original tokens back."""
    used = tf.where(masks["masked_weights"] > 0)  # (row, slot)
    place = tf.stack([tf.cast(used[:, 0], tf.int32), tf.gather_nd(masks["masked_positions"], used)], axis=1)
    return tf.tensor_scatter_nd_update(token_ids, place, tf.gather_nd(masks["masked_labels"], used))


def _check_ids(ids: tf.Tensor, vocabulary_size: int, file: tf.Tensor) -> None:
    """Accelerators would take an id beyond the table for another one without saying so."""
    highest = tf.reduce_max(tf.concat([tf.reshape(ids, [-1]), [0]], 0))
    tf.debugging.Assert(highest < vocabulary_size, [
        f"Expected token ids below {vocabulary_size}, the size of the vocabulary. Received: id", highest, "in", file])
