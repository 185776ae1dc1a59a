import numpy as np
import pytest

from bert_tf.layers.embeddings import Embeddings
from tests.checks import check_layer

TOKENS = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")  # (batch, seq, hidden)
SEGMENTS = np.array([[0, 0, 1, 1, 0], [0, 0, 0, 2, 2]], "int32")


def test_keeps_the_layer_contract():
    check_layer(Embeddings(8, 3, dropout=0.1), TOKENS, SEGMENTS, output_shape=(2, 5, 4), num_weights=4)


def test_matches_numpy_restatement():
    layer = Embeddings(8, 3, initializer_stddev=1.0, layer_norm_epsilon=0.1)
    layer.build(TOKENS.shape)
    gamma, beta = np.array([1.0, 2, 3, 4]), np.array([4.0, 3, 2, 1])
    layer.norm.set_weights([gamma, beta])
    position, segment = np.asarray(layer.position_embedding), np.asarray(layer.segment_embedding)
    total = TOKENS + position[:5] + segment[SEGMENTS]
    centred = total - total.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 0.1) * gamma + beta
    np.testing.assert_allclose(layer(TOKENS, SEGMENTS), expected, atol=1e-5)


def test_drops_in_training_only():
    layer = Embeddings(8, 3, dropout=0.5)
    dropped = np.asarray(layer(TOKENS, SEGMENTS, training=True)) == 0
    assert 0 < dropped.mean() < 1
    assert (np.asarray(layer(TOKENS, SEGMENTS)) != 0).all()


def test_fills_the_position_table_to_its_end():
    assert Embeddings(5, 3)(TOKENS, SEGMENTS).shape == (2, 5, 4)


def test_refuses_sequences_beyond_the_position_table():
    with pytest.raises(ValueError, match="Received: sequence length=5, max_sequence_length=4"):
        Embeddings(4, 3)(TOKENS, SEGMENTS)


@pytest.mark.parametrize("sizes, text", [((0, 2), "max_sequence_length=0"), ((4, 0), "num_segments=0")])
def test_refuses_empty_tables(sizes, text):
    with pytest.raises(ValueError, match=text):
        Embeddings(*sizes)
