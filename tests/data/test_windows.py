import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data import windows
from bert_tf.data.windows import Windows


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(windows, "SHORTEST", 8)
    monkeypatch.setattr(windows, "LONGEST", 64)


def stream(first=0):
    """Numbered examples, seven in each element."""
    numbers = tf.data.Dataset.counter(first)
    return tf.data.Dataset.zip({"number": numbers, "row": numbers.map(lambda number: tf.fill([3], number))}).batch(7)


def lengths(cut, count):
    return [(int(number), len(rows["number"])) for number, rows in cut.take(count).as_numpy_iterator()]


def test_windows_double_until_they_are_as_long_as_the_longest(small):
    assert lengths(Windows(4).cut(stream()), 7) == [(0, 8), (1, 8), (2, 16), (3, 32), (4, 64), (5, 64), (6, 64)]
    assert Windows(4).sizes == (8, 64)


@pytest.mark.parametrize(("batch_size", "expected"), [
    (3, [6, 6, 12, 24, 12, 60, 60]),  # whole batches; five twelfths of the longest are left for the last short one
    (8, [8, 8, 16, 32, 64, 64, 64]),
    (40, [40, 40, 40, 40, 40, 40, 40]),
    (100, [100] * 7),  # a window is one batch at least
])
def test_windows_are_whole_batches(small, batch_size, expected):
    assert [length for _, length in lengths(Windows(batch_size).cut(stream()), 7)] == expected


@pytest.mark.slow
def test_sizes_that_a_run_has():
    sizes = [int(length) for _, length in lengths(Windows(32).cut(stream().rebatch(1024)), 7)]
    assert sizes == [2048, 2048, 4096, 8192, 16384, 32768, 32768]


@pytest.mark.parametrize("batch_size", [1, 3, 8, 40])
def test_the_stream_stays_whole_and_may_begin_at_any_window(small, batch_size):
    cut = Windows(batch_size)
    whole = list(cut.cut(stream()).take(9).as_numpy_iterator())
    numbers = np.concatenate([rows["number"] for _, rows in whole])
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    np.testing.assert_array_equal(np.concatenate([rows["row"] for _, rows in whole]), np.stack([numbers] * 3, 1))
    for first in range(8):
        begin = cut.first_batch(first) * batch_size
        assert begin == whole[first][1]["number"][0]
        for (number, rows), (_, expected) in zip(cut.cut(stream(begin), first).take(2).as_numpy_iterator(),
                                                 whole[first:], strict=False):
            assert number == whole[first][0] + (rows["number"][0] > begin)
            np.testing.assert_array_equal(rows["number"], expected["number"])


@pytest.mark.parametrize("batch_size", [1, 3, 8, 40, 100])
def test_every_batch_is_in_the_window_that_holds_it(small, batch_size):
    cut = Windows(batch_size)
    starts = [cut.first_batch(window) for window in range(12)]
    assert starts[0] == 0 and starts == sorted(set(starts))
    for batch in range(starts[-1]):
        window, skipped = cut.place_of(batch)
        assert starts[window] <= batch < starts[window + 1] and skipped == batch - starts[window]


def test_windows_are_joined_without_a_word_from_tensorflow(small, capfd):
    assert lengths(Windows(4).cut(stream().rebatch(64)), 5)[-1] == (4, 64)
    assert "SubBuffer" not in capfd.readouterr().err
