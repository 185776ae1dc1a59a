import keras
import numpy as np
import pytest

from bert_tf.models.classifier import BertClassifier
from bert_tf.weights.transfer import (
    ArraySource,
    Row,
    foreign_tensors,
    num_labels_of,
    read_into,
    variables_by_path,
    zeros_for_random_values,
)
from tests.models.tiny import CONFIG

TABLE = [Row("dense/kernel", ("left", "right"), (2, 3), transposed=True), Row("dense/bias", ("bias",), (2, 2))]
LEFT, RIGHT = np.arange(6.0).reshape(2, 3), np.arange(6.0, 12.0).reshape(2, 3)
BIAS = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_joins_transposes_and_folds():
    model = _model()

    transfer = read_into(model, TABLE, ArraySource({"left": LEFT, "right": RIGHT, "bias": BIAS, "step": np.ones(())},
                                                   "file"),
                         why_dropped=lambda name: "a counter" if name == "step" else None)

    kernel, bias = model.get_weights()
    np.testing.assert_array_equal(kernel, [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]])
    np.testing.assert_array_equal(bias, [1, 2, 3, 4])
    assert (transfer.num_tensors, transfer.parameters) == (3, 16)
    assert transfer.dropped == {"step": "a counter"} and transfer.drawn_anew == ()


def test_writing_is_the_inverse():
    model = _model()
    arrays = {"left": LEFT, "right": RIGHT, "bias": BIAS}
    read_into(model, TABLE, ArraySource(arrays, "file"), why_dropped=_unknown)

    written = foreign_tensors(model, TABLE)

    assert written.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(written[name], array)
        assert written[name].flags.c_contiguous


@pytest.mark.parametrize(("change", "message"), [
    ({"left": np.ones((3, 2))}, r"tensor `left` in file has shape \(3, 2\), the configuration asks for \(2, 3\)"),
    ({"more": np.ones(1)}, "tensor `more` in file is not known"),
    ({"left": None}, "tensor `left` is missing from file"),
])
def test_problems_are_named_and_nothing_is_assigned(change, message):
    model = _model()
    before = model.get_weights()
    arrays = {"left": LEFT, "right": RIGHT, "bias": BIAS} | change

    with pytest.raises(ValueError, match=message):
        read_into(model, TABLE, ArraySource({name: array for name, array in arrays.items() if array is not None},
                                            "file"), why_dropped=_unknown)

    for array, unchanged in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, unchanged)


def test_many_problems_are_counted():
    arrays = {f"unknown{index}": np.ones(1) for index in range(7)}

    with pytest.raises(ValueError, match="`left` is missing .* And 5 more"):
        read_into(_model(), TABLE, ArraySource(arrays, "file"), why_dropped=_unknown)


def test_variable_without_a_row_is_an_error_in_both_directions():
    source = ArraySource({"left": LEFT, "right": RIGHT}, "file")

    with pytest.raises(ValueError, match="variable `dense/bias` of the model has no counterpart"):
        read_into(_model(), TABLE[:1], source, why_dropped=_unknown)
    with pytest.raises(ValueError, match=r"without_place=\['dense/bias'\]"):
        foreign_tensors(_model(), TABLE[:1])
    assert sorted(foreign_tensors(_model(), TABLE[:1], left_out=("dense/bias",))) == ["left", "right"]


def test_what_may_be_new_is_drawn():
    with zeros_for_random_values():
        model = _model()

    transfer = read_into(model, TABLE, ArraySource({}, "file"), why_dropped=_unknown, may_be_new=lambda row: True,
                         initializer_stddev=0.5)

    kernel, bias = model.get_weights()
    assert 0.2 < kernel.std() < 0.8 and np.abs(kernel).max() <= 1  # cut at two deviations
    np.testing.assert_array_equal(bias, np.zeros(4))
    assert transfer.drawn_anew == ("dense/kernel", "dense/bias")


def test_half_of_a_joined_row_is_not_new():
    source = ArraySource({"left": LEFT, "bias": BIAS}, "file")

    with pytest.raises(ValueError, match="`right` is missing"):
        read_into(_model(), TABLE, source, why_dropped=_unknown, may_be_new=lambda row: True)


def test_zeros_replace_random_values_inside_only():
    with zeros_for_random_values():
        assert not np.any(_model().get_weights()[0])
    assert np.any(_model().get_weights()[0])


def test_assigning_one_of_the_shared_zeros_leaves_the_others():
    with zeros_for_random_values():
        first, second = _model(), _model()

    first.weights[0].assign(np.ones((3, 4)))

    assert not np.any(second.get_weights()[0])


def test_number_of_labels():
    assert num_labels_of(BertClassifier(CONFIG, num_labels=5)) == 5
    assert num_labels_of(_model()) == 2


def test_paths_must_be_different():
    first, second = _model(), _model()
    inputs = keras.Input((3,))
    both = keras.Model(inputs, [first(inputs), second(inputs)])

    with pytest.raises(ValueError, match="a path of its own. Received: weights=4, paths=2"):
        variables_by_path(both)


def _model():
    inputs = keras.Input((3,))
    dense = keras.layers.Dense(4, kernel_initializer=keras.initializers.TruncatedNormal(), name="dense")
    return keras.Model(inputs, dense(inputs))


def _unknown(name):
    return None
