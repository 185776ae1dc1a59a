import math

import numpy as np
import pytest

from bert_tf.config import ACTIVATIONS
from bert_tf.layers.activation import activation_function

X = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0], "float32")
EXPECTED = {
    "gelu": [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in X],
    "gelu_tanh": [x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) for x in X],
    "relu": [max(x, 0) for x in X],
    "silu": [x / (1 + math.exp(-x)) for x in X],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_matches_formula(name):
    np.testing.assert_allclose(activation_function(name)(X), EXPECTED[name], atol=1e-6)


def test_both_gelus_differ():
    assert np.abs(activation_function("gelu")(X) - activation_function("gelu_tanh")(X)).max() > 1e-4


def test_refuses_unknown_name():
    with pytest.raises(ValueError, match="one of gelu, gelu_tanh, relu, silu. Received: activation='swish'"):
        activation_function("swish")
