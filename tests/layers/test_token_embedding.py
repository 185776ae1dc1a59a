import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.token_embedding import TokenEmbedding
from tests.checks import check_layer

IDS = np.array([[1, 3, 0], [2, 2, 6]], "int32")
ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def test_keeps_the_layer_contract():
    check_layer(TokenEmbedding(7, 4), IDS, output_shape=(2, 3, 4), num_weights=1)


@pytest.mark.parametrize("training", [False, True])
def test_in_reverse_it_multiplies_by_the_transposed_table(training):
    layer = TokenEmbedding(7, 4)
    layer.build()
    (table,) = layer.get_weights()

    np.testing.assert_allclose(layer(ROWS, reverse=True, training=training), ROWS @ table.T, atol=1e-6)
    np.testing.assert_array_equal(layer(IDS, training=training), table[IDS])


def test_the_gradient_of_both_uses_adds_up():
    layer = TokenEmbedding(7, 4)
    layer.build()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(ROWS, reverse=True, training=True)) + tf.reduce_sum(layer(IDS, training=True))
    gradient = tf.convert_to_tensor(tape.gradient(total, layer.embeddings.value))

    counts = np.bincount(IDS.ravel(), minlength=7)
    np.testing.assert_allclose(gradient, ROWS.sum(axis=0) + counts[:, None], atol=1e-5)


def test_logits_are_computed_in_the_type_that_was_asked_for():
    layer = TokenEmbedding(7, 4, reverse_dtype="bfloat16", dtype="mixed_bfloat16")
    layer.build()
    for training in (False, True):
        assert layer(ROWS, reverse=True, training=training).dtype == "bfloat16"
