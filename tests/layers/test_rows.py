import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.rows import as_rows, axes_kept, from_rows

INPUTS = np.arange(24, dtype="float32").reshape(2, 3, 4)


def test_rows_and_back():
    rows = as_rows(tf.constant(INPUTS))
    np.testing.assert_array_equal(rows, INPUTS.reshape(6, 4))
    np.testing.assert_array_equal(from_rows(rows[:, :2], INPUTS), INPUTS[..., :2])
    assert as_rows(rows) is rows and from_rows(rows, rows) is rows


@pytest.mark.parametrize("shape", [(2, 3, 4), (None, 3, 4), (2, None, 4), (None, None, 4)])
def test_in_graphs_of_known_and_unknown_sizes(shape):
    function = tf.function(lambda x: from_rows(as_rows(x) * 2, x), [tf.TensorSpec(shape)])
    np.testing.assert_array_equal(function(INPUTS), INPUTS * 2)
    assert function.get_concrete_function().structured_outputs.shape.as_list() == list(shape)


def test_axes_can_be_kept():
    inputs = tf.constant(INPUTS)
    with axes_kept():
        assert as_rows(inputs) is inputs
    assert as_rows(inputs).shape == (6, 4)
