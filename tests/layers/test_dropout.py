import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.dropout import Dropout, different_masks, draw_seeds, given_seeds
from tests.checks import check_layer

ONES = np.ones((2, 50, 4), "float32")


def drop(layer, replica=None):
    with different_masks(replica):
        return np.asarray(layer(ONES, training=True))


def test_keeps_the_layer_contract():
    check_layer(Dropout(0.5), ONES, output_shape=ONES.shape, num_weights=0)


@pytest.mark.parametrize("shape", [(1000, 1001), (7, 11, 13, 1001)])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.999])
def test_drops_every_element_as_often_and_apart_from_the_others(shape, rate):
    kept = np.asarray(Dropout(rate)(np.ones(shape, "float32"), training=True)).ravel() != 0
    size, deviation = kept.size, np.sqrt(rate * (1 - rate) / kept.size)
    assert kept.mean() == pytest.approx(1 - rate, abs=5 * deviation)
    # The two halves come from the same numbers, and neighbours from neighbouring ones.
    for distance in (1, 2, size // 2, (size + 1) // 2):
        both = np.mean(kept[distance:] & kept[:-distance])
        assert both == pytest.approx((1 - rate) ** 2, abs=8 * deviation)


def test_takes_any_shape_in_a_graph_and_keeps_the_expected_sum():
    layer = Dropout(0.3, dtype="bfloat16")
    layer(ONES, training=True)
    graph = tf.function(lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, None), tf.bfloat16)])
    result = graph(tf.ones((301, 333), tf.bfloat16))
    assert result.shape == (301, 333)
    assert result.dtype == tf.bfloat16
    assert tf.reduce_mean(tf.cast(result, tf.float32)).numpy() == pytest.approx(1, abs=0.02)
    assert graph(tf.ones((0, 3), tf.bfloat16)).shape == (0, 3)


def test_drops_its_share_in_training_only():
    layer = Dropout(0.25)
    result = drop(layer)
    assert np.mean(result == 0) == pytest.approx(0.25, abs=0.06)
    np.testing.assert_allclose(result[result > 0], 1 / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(layer(ONES), ONES)
    np.testing.assert_array_equal(Dropout(0.0)(ONES, training=True), ONES)


def test_replicas_draw_masks_of_their_own():
    results = []
    for replica in (None, 0, 1, 2):
        keras.utils.set_random_seed(3)
        results.append(drop(Dropout(0.5), replica))
    np.testing.assert_array_equal(results[0], results[1])
    for first, second in ((0, 2), (0, 3), (2, 3)):
        # Independent masks agree on half of the elements.
        assert np.mean(results[first] == results[second]) == pytest.approx(0.5, abs=0.15)


def test_given_seeds_take_the_place_of_the_next_ones():
    layers = [Dropout(0.5), Dropout(0.0), Dropout(0.5)]
    seeds = draw_seeds(layers)
    assert len(seeds) == 2
    runs = []
    for _ in range(2):
        with given_seeds(seeds):
            runs.append([drop(layer) for layer in layers])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][0] != runs[0][2]).any()
    assert (drop(layers[0]) != runs[0][0]).any()  # its own seeds go on behind the drawn one


def test_refuses_a_rate_of_one():
    with pytest.raises(ValueError, match=r"`rate` in \[0, 1\). Received: rate=1"):
        Dropout(1)
