import numpy as np
import pytest

from bert_tf.layers.sentence_pooling import POOLINGS, SentencePooling
from tests.checks import check_layer

VECTORS = np.array([[[1, -4], [3, -2], [100, 100]], [[5, 5], [7, 1], [0, 3]]], "float32")  # (batch, seq, hidden)
MASK = np.array([[1, 1, 0], [1, 1, 1]], "int32")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_keeps_the_layer_contract(pooling):
    check_layer(SentencePooling(pooling, normalize=True), VECTORS, MASK, output_shape=(2, 2), num_weights=0)


@pytest.mark.parametrize(("pooling", "expected"), [
    ("mean", [[2, -3], [4, 3]]), ("max", [[3, -2], [7, 5]]), ("cls", [[1, -4], [5, 5]])])
def test_literal_values(pooling, expected):
    np.testing.assert_allclose(SentencePooling(pooling)(VECTORS, MASK), expected, atol=1e-6)


def test_normalized_vectors_have_length_1():
    result = SentencePooling("mean", normalize=True)(VECTORS, MASK)

    np.testing.assert_allclose(result, [[2 / 13**0.5, -3 / 13**0.5], [0.8, 0.6]], atol=1e-6)


def test_text_without_tokens_gives_zeros():
    result = SentencePooling("mean", normalize=True)(VECTORS, np.zeros_like(MASK))

    np.testing.assert_array_equal(result, np.zeros((2, 2)))


def test_pools_in_float32():
    assert SentencePooling("mean")(VECTORS.astype("float16"), MASK).dtype == "float32"


def test_refuses_unknown_pooling():
    with pytest.raises(ValueError, match="`pooling` to be one of mean, cls, max. Received: pooling='median'"):
        SentencePooling("median")
