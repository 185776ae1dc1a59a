import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.norm import LayerNorm
from tests.checks import check_layer

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(1, 3, (8, 64, 6)).astype("float32")
UPSTREAM = RANDOM.normal(0, 1, INPUTS.shape).astype("float32")


def results(layer, dtype="float32"):
    """Outputs in training and the gradients by inputs, gamma and beta."""
    inputs = tf.constant(INPUTS, dtype)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    values = [outputs, *tape.gradient(outputs, [inputs, layer.gamma.value, layer.beta.value],
                                      tf.cast(UPSTREAM, outputs.dtype))]
    return [np.asarray(tf.cast(value, "float64")) for value in values]


def layers(policy):
    """Ours and that of Keras, of the same random weights."""
    both = LayerNorm(epsilon=1e-3, dtype=policy), keras.layers.LayerNormalization(epsilon=1e-3, dtype=policy)
    for layer in both:
        layer.build(INPUTS.shape)
        layer.set_weights([np.linspace(0.5, 2, 6), np.linspace(-1, 1, 6)])
    return both


def test_keeps_the_layer_contract():
    check_layer(LayerNorm(), INPUTS, output_shape=INPUTS.shape, num_weights=2)


@pytest.mark.parametrize("policy", ["float32", "float64"])
def test_trains_as_the_layer_of_keras(policy):
    for one, other in zip(*(results(layer, policy) for layer in layers(policy)), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4 if policy == "float32" else 1e-10)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_is_float32_inside_under_mixed_precision(policy):
    exact = results(layers("float64")[0], "float64")
    size = 2**-8 if policy == "mixed_bfloat16" else 2**-11
    ours, _ = layers(policy)
    for one, other in zip(results(ours, ours.compute_dtype), exact, strict=True):
        np.testing.assert_allclose(one, other, atol=3 * size * np.abs(other).max())


def test_takes_any_number_of_rows_in_a_graph():
    layer, _ = layers("float32")
    graph = tf.function(lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, None, 6))])
    np.testing.assert_allclose(graph(INPUTS), layer(INPUTS), atol=1e-5)
