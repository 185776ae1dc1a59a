import numpy as np
import pytest

from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.feed_forward import FeedForward
from bert_tf.layers.parts import in_parts, parts_of

RANDOM = np.random.default_rng(0)
HIDDEN = RANDOM.normal(size=(2, 5, 12)).astype("float32")  # (batch, seq, hidden)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


class Cuts:
    """Cuts arrays, and remembers the shapes of what it gave."""

    def __init__(self):
        self.shapes = []

    def __call__(self, part, variable, dtype, axis, repeats):
        ranges = np.split(np.asarray(variable), repeats, axis=axis)
        share = np.concatenate([np.split(each, part.count, axis=axis)[part.number] for each in ranges], axis=axis)
        self.shapes.append(share.shape)
        return share.astype(dtype)


def with_random_weights(layer, *inputs):
    layer(*inputs)
    layer.set_weights([RANDOM.normal(size=values.shape) for values in layer.get_weights()])
    return layer


@pytest.mark.parametrize("count, shapes", [
    (2, [(12, 18), (18,), (6, 12)]), (3, [(12, 12), (12,), (4, 12)])])
@pytest.mark.parametrize("positions", [None, 1, np.array([[4, 0], [2, 1]])])
def test_attention_is_the_sum_of_its_heads(count, shapes, positions):
    layer = with_random_weights(SelfAttention(6), HIDDEN, MASK)
    whole, cuts = layer(HIDDEN, MASK, output_positions=positions), Cuts()
    with in_parts(count, cuts):
        parts = layer(HIDDEN, MASK, output_positions=positions)
    np.testing.assert_allclose(parts, whole, atol=1e-4)
    assert sorted(cuts.shapes) == sorted(shapes * count)


def test_attention_weights_come_from_the_whole_layer():
    layer = with_random_weights(SelfAttention(6), HIDDEN, MASK)
    cuts = Cuts()
    with in_parts(2, cuts):
        _, weights = layer(HIDDEN, MASK, return_attention_weights=True)
    assert weights.shape == (2, 6, 5, 5) and not cuts.shapes


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_feed_forward_network_is_the_sum_of_its_units(activation):
    layer = with_random_weights(FeedForward(8, activation=activation), HIDDEN)
    whole, cuts = layer(HIDDEN), Cuts()
    with in_parts(2, cuts):
        parts = layer(HIDDEN)
    np.testing.assert_allclose(parts, whole, atol=1e-4)
    assert cuts.shapes == [(12, 4), (4,), (4, 12)] * 2


def test_stays_whole_in_training_and_where_it_cannot_be_divided():
    layer, attention = FeedForward(9), SelfAttention(3)
    cuts = Cuts()
    with in_parts(2, cuts):
        assert layer(HIDDEN).shape == HIDDEN.shape and attention(HIDDEN, MASK).shape == HIDDEN.shape
    with in_parts(3, cuts):
        layer(HIDDEN, training=True)
        attention(HIDDEN, MASK, training=True)
    assert not cuts.shapes


def test_nothing_is_in_parts_outside():
    with in_parts(2, Cuts()):
        assert [part.number for part in parts_of(4)] == [0, 1]
    assert not parts_of(4)
