import numpy as np
import tensorflow as tf

from bert_tf.data import draws

MASK = 2**64 - 1


def split_mix_64(seed, count):
    """The published generator, number by number."""
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        value = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
        yield value ^ (value >> 31)


def test_numbers_are_those_of_split_mix_64():
    keys = tf.constant([0, 1234567, 2**64 - 3], tf.uint64)
    found = tf.function(lambda: draws.numbered(keys[:, tf.newaxis], tf.range(5)))().numpy()
    assert found.tolist() == [list(split_mix_64(int(key), 5)) for key in keys]
    # The first outputs for seed 0 as published with the reference implementation.
    assert found[0, 0] == 0xE220A8397B1DCDAF


def test_uniform_numbers_fill_the_interval_independently():
    keys = draws.mix(tf.cast(tf.range(200_000), tf.uint64))
    one, other = (draws.uniform(keys, number).numpy() for number in (0, 1))
    for values in (one, other):
        assert values.min() >= 0 and values.max() < 1
        counts = np.histogram(values, 20, (0, 1))[0]
        assert (abs(counts - 10_000) < 5 * 100).all()
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.01


def test_coins_are_binomial():
    keys = draws.mix(tf.cast(tf.range(50_000), tf.uint64))
    for count in (0, 1, 63, 64, 65, 200):
        heads = draws.coins(keys, 7, tf.fill([50_000], count), 200).numpy()
        assert heads.min() >= 0 and heads.max() <= count
        assert abs(heads.mean() - count / 2) < 0.02 * count ** 0.5 + 1e-9
        assert abs(heads.var() - count / 4) <= 0.05 * count / 4


def test_numbers_drawn_together_are_those_drawn_apart():
    keys = tf.constant([3, 1234567], tf.uint64)
    together = draws.uniform(keys, tf.range(3)[:, tf.newaxis]).numpy()
    assert together.tolist() == [draws.uniform(keys, number).numpy().tolist() for number in range(3)]
    counts = [[5, 70], [0, 130]]
    together = draws.coins(keys, [[7], [9]], tf.constant(counts), 130).numpy()
    assert together.tolist() == [draws.coins(keys, number, tf.constant(row), 130).numpy().tolist()
                                 for number, row in zip((7, 9), counts, strict=True)]


def test_documents_of_equal_lines_have_equal_keys():
    lines = tf.constant(["a", "b", "b", "a", "a", "b", "a"])
    keys = draws.document_keys(lines, tf.constant([0, 0, 1, 1, 3, 3, 4])).numpy()
    assert keys[0] == keys[1] == keys[4] == keys[5]
    assert len({keys[0], keys[2], keys[6]}) == 3 and keys[2] == keys[3]
    assert draws.document_keys(tf.constant([], tf.string), tf.constant([], tf.int32)).shape == (0,)


def test_seeds_give_different_streams():
    keys = {int(draws.stream_key((seed, number))) for seed in (0, 1, -1, 2**40) for number in (0, 1, 2)}
    assert len(keys) == 12
