import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.streams import ending_at_once, phased, worker_share


def counting(start, size=4):
    """Endless batches: the first one holds start, start + 1, ... in `x`, and the number of the batch in `y`."""
    return lambda first: tf.data.Dataset.counter(first).map(
        lambda number: ({"x": start + number * size + tf.range(size, dtype=tf.int64)}, tf.fill([size], number)))


def values(dataset, count):
    return [features["x"].tolist() for features, _ in dataset.take(count).as_numpy_iterator()]


def test_phases_follow_each_other_and_the_last_never_ends():
    phases = [(2, counting(0)), (1, counting(100)), (1, counting(200))]
    expected = [[0, 1, 2, 3], [4, 5, 6, 7], [100, 101, 102, 103], [200, 201, 202, 203], [204, 205, 206, 207]]
    for first in range(5):
        assert values(phased(phases, first), 5 - first) == expected[first:]


def test_phases_that_are_over_are_not_built():
    def never(first):
        raise AssertionError

    assert values(phased([(3, never), (2, counting(0))], 4), 1) == [[4, 5, 6, 7]]
    with pytest.raises(ValueError, match=r"phases of at least one batch. Received: batches=\[0\]"):
        phased([(0, never)])


@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_workers_share_each_batch(num_workers):
    whole = values(counting(0)(0), 3)
    shares = [worker_share(counting(0)(0), worker, num_workers) for worker in range(num_workers)]
    assert all(share.element_spec[0]["x"].shape == (4 // num_workers,) for share in shares)
    parts = [values(share, 3) for share in shares]
    assert [sum((part[number] for part in parts), []) for number in range(3)] == whole
    policy = shares[0].options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF


def test_shares_batches_that_are_no_tuple():
    share = worker_share(tf.data.Dataset.from_tensors({"x": np.arange(6)}), 1, 2)
    assert next(share.as_numpy_iterator())["x"].tolist() == [3, 4, 5]


def test_refuses_what_cannot_be_shared():
    with pytest.raises(ValueError, match="a multiple of the number of workers. Received: batch_size=4, num_workers=3"):
        worker_share(counting(0)(0), 0, 3)
    with pytest.raises(ValueError, match="batches of one known size"):
        worker_share(tf.data.Dataset.range(5).batch(2), 0, 2)
    with pytest.raises(ValueError, match="worker=2"):
        worker_share(counting(0)(0), 2, 2)


def test_ends_without_waiting_for_the_thread_that_tunes():
    stream = ending_at_once(counting(0)(0).prefetch(1))
    assert stream.take(2).repeat().options().autotune.enabled is False
    assert values(stream, 2) == values(counting(0)(0), 2)
