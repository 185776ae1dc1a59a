"""Random numbers that depend on what they are drawn for, not on when or where: keys from content, numbers from keys.

tf's stateless generators draw whole tensors from one seed, so a number depends on the shape that it is drawn in. Here
number n of key k is `mix(k + n * GAMMA)`, which is element n of the sequence that SplitMix64 (Steele, Lea and Flood
2014, "Fast splittable pseudorandom number generators", figure 13) gives for the seed k: the same wherever a document
is read, on whatever machine.
"""

import tensorflow as tf

_GAMMA = 0x9E3779B97F4A7C15


def document_keys(lines: tf.Tensor, document: tf.Tensor) -> tf.Tensor:
    """A key for the content of each document, given to each of its lines.

    Args:
        lines: string `(lines,)`.
        document: int32 `(lines,)`, the rising number of the document that a line belongs to.

    Returns:
        uint64 `(lines,)`: equal for documents of equal lines.
    """
    line_keys = tf.bitcast(tf.strings.to_hash_bucket_fast(lines, 2**63 - 1), tf.uint64)
    place = tf.range(tf.size(document)) - tf.searchsorted(document, document, side="left")
    sums = tf.math.segment_sum(numbered(line_keys, place), document)
    return tf.gather(mix(sums), document)


def stream_key(seed: tf.Tensor) -> tf.Tensor:
    """A key for a seed, int `(2,)`; uint64 `()`."""
    first, second = tf.unstack(tf.cast(tf.convert_to_tensor(seed), tf.uint64))
    return mix(mix(first + _uint64(_GAMMA)) + second)


def numbered(keys: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Number `numbers` of each key; uint64 of the common shape of uint64 `keys` and int32 `numbers`."""
    return mix(keys + tf.cast(numbers + 1, tf.uint64) * _uint64(_GAMMA))


def uniform(keys: tf.Tensor, numbers: tf.Tensor | int) -> tf.Tensor:
    """float32 in [0, 1), of the common shape of uint64 `keys` and int32 `numbers`."""
    return tf.cast(_right_shift(numbered(keys, tf.convert_to_tensor(numbers)), 40), tf.float32) * 2.0**-24


def coins(keys: tf.Tensor, number: tf.Tensor | int, counts: tf.Tensor, max_count: int) -> tf.Tensor:
    """How many of `counts` fair coins show heads: binomial, int32, of the shape of `counts`.

    Args:
        keys: uint64 `(keys,)`.
        number: of the first draw; one for every 64 coins of `max_count` is used. int32, `()` or `(rows, 1)`.
        counts: int32 `(keys,)` or `(rows, keys)`, up to `max_count`.
        max_count: coins at most.
    """
    words = tf.reshape(tf.range(-(-max_count // 64)), [-1, *[1] * len(counts.shape)])
    left = tf.clip_by_value(counts - 64 * words, 0, 64)
    # A shift by all 64 bits is not defined.
    bits = tf.bitwise.right_shift(numbered(keys, number + words), tf.cast(64 - tf.maximum(left, 1), tf.uint64))
    heads = tf.cast(tf.raw_ops.PopulationCount(x=bits), tf.int32)
    return tf.reduce_sum(tf.where(left > 0, heads, 0), axis=0)


def mix(values: tf.Tensor) -> tf.Tensor:
    """The finaliser of SplitMix64, a bijection of uint64 in which every input bit changes every output bit."""
    values = tf.bitwise.bitwise_xor(values, _right_shift(values, 30)) * _uint64(0xBF58476D1CE4E5B9)
    values = tf.bitwise.bitwise_xor(values, _right_shift(values, 27)) * _uint64(0x94D049BB133111EB)
    return tf.bitwise.bitwise_xor(values, _right_shift(values, 31))


def _right_shift(values: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(values, _uint64(bits))


def _uint64(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)
