import numpy as np

from bert_tf.layers.positions import num_positions, take_positions

VECTORS = np.arange(24.0, dtype="float32").reshape(2, 3, 4)


def test_takes_positions_of_each_sequence():
    taken = take_positions(VECTORS, np.array([[2, 0], [1, 1]]))

    np.testing.assert_array_equal(taken, [[VECTORS[0, 2], VECTORS[0, 0]], [VECTORS[1, 1], VECTORS[1, 1]]])


def test_a_number_means_the_first_ones():
    np.testing.assert_array_equal(take_positions(VECTORS, 1), VECTORS[:, :1])


def test_says_how_many():
    assert num_positions(None, 3) == 3
    assert num_positions(2, 3) == 2
    assert num_positions(2, None) == 2
    assert num_positions(2, 1) == 1
    assert num_positions(np.zeros((2, 5)), 3) == 5
