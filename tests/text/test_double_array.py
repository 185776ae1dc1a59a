import random

import numpy as np

from bert_tf.text.double_array import build_double_array


def look_up(units, key):
    """Reads the array as the kernel does."""
    node = 0
    for byte in key:
        node ^= int(units[node]) >> 10 ^ byte
        if node >= len(units) or int(units[node]) & 0x800000FF != byte:
            return None
    if not int(units[node]) & 0x100:
        return None
    return int(units[node ^ int(units[node]) >> 10]) & 0x7FFFFFFF


def test_finds_every_key_and_nothing_else():
    generator = random.Random(0)
    keys = [bytes(generator.choices(range(1, 256), k=generator.randint(1, 4))) for _ in range(3000)]
    values = {key: generator.randrange(1 << 31) for key in keys[:1500]}
    units = build_double_array(values)
    assert units.dtype == np.uint32
    assert {key: look_up(units, key) for key in values} == values
    assert not [key for key in keys[1500:] if key not in values and look_up(units, key) is not None]


def test_is_the_same_for_any_order_of_the_keys():
    values = {bytes([first, second]): first * second for first in range(1, 60) for second in range(1, 60)}
    reverse = dict(sorted(values.items(), reverse=True))
    np.testing.assert_array_equal(build_double_array(values), build_double_array(reverse))


def test_stores_equal_sub_tries_once():
    # All 255 first bytes lead to the same 255 children: three blocks instead of 256.
    values = {bytes([first, second]): 7 for first in range(1, 256) for second in range(1, 256)}
    units = build_double_array(values)
    assert len(units) <= 4 * 256
    assert {look_up(units, key) for key in values} == {7}
