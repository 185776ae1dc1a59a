import numpy as np

from bert_tf.layers.pooling import FirstTokenPooler
from tests.checks import check_layer

HIDDEN = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")  # (batch, seq, hidden)


def test_keeps_the_layer_contract():
    check_layer(FirstTokenPooler(), HIDDEN, output_shape=(2, 4), num_weights=2)


def test_matches_numpy_restatement():
    layer = FirstTokenPooler(initializer_stddev=1.0)
    result = layer(HIDDEN)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(result, np.tanh(HIDDEN[:, 0] @ kernel + bias), atol=1e-6)
