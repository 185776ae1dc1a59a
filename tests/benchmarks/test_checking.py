import numpy as np
import pytest

from bert_tf.benchmarks.checking import difference, require_agreement


@pytest.mark.parametrize("reference, other, expected", [
    (np.array([2.0, -4.0]), np.array([2.0, -3.0]), 0.25),
    (np.array([1.0, 2.0], np.float32), np.array([1.0, 2.0]), 0.0),
    (np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]), 0.25),
    (np.array([1, 2]), np.array([1, 2, 3]), 1.0),
    (np.array([0.0]), np.array([np.nan]), np.inf),
    (np.array([], int), np.array([], int), 0.0),
])
def test_difference(reference, other, expected):
    assert difference(reference, other) == expected


def test_angles():
    first = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert difference(first, 5 * first, angles=True) == pytest.approx(0)
    assert difference(first, np.array([[1.0, 1.0], [1.0, 1.0]]), angles=True) == pytest.approx(1 - 0.5**0.5)


def test_the_worst_common_output_counts():
    reference = {"loss": np.array(2.0), "ids": np.array([1, 2]), "only here": np.array(1)}
    assert require_agreement("b", ("x", "y"), reference, {"loss": np.array(2.1), "ids": np.array([1, 2])}, 0.06) == (
        pytest.approx(0.05))
    with pytest.raises(ValueError, match="y to compute what x does in the benchmark b: `ids` within 0.06"):
        require_agreement("b", ("x", "y"), reference, {"loss": np.array(2.0), "ids": np.array([1, 3])}, 0.06)
    with pytest.raises(ValueError, match="x and y to have outputs in common in b"):
        require_agreement("b", ("x", "y"), reference, {"other": np.array(1)}, 1)
