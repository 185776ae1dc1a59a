import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.dense import Dense
from tests.checks import check_layer

INPUTS = np.random.default_rng(0).normal(0.3, 1, (8, 512, 4)).astype("float32")


def gradients(layer, inputs):
    """Of the sum of the outputs, by kernel, bias and inputs."""
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        total = tf.reduce_sum(tf.cast(outputs, tf.float32) * 0.01)
    return [np.asarray(value) for value in tape.gradient(total, [*(weight.value for weight in layer.weights), inputs])]


def test_keeps_the_layer_contract():
    check_layer(Dense(3), INPUTS, output_shape=(8, 512, 3), num_weights=2)


@pytest.mark.parametrize("activation", [None, "tanh"])
def test_equals_the_layer_of_keras(activation):
    ours, theirs = Dense(3, activation=activation), keras.layers.Dense(3, activation=activation)
    for layer in (ours, theirs):
        layer.build(INPUTS.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_array_equal(ours(INPUTS), theirs(INPUTS))
    for one, other in zip(gradients(ours, INPUTS), gradients(theirs, INPUTS), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert Dense(3, use_bias=False)(INPUTS).shape == (8, 512, 3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_gradient_of_the_bias_is_accumulated_in_float32(policy):
    layer = Dense(3, dtype=policy)
    layer.build(INPUTS.shape)
    bias = gradients(layer, INPUTS)[1]
    np.testing.assert_allclose(bias, np.full(3, 8 * 512 * 0.01), rtol=0.005)


def test_is_exact_in_a_graph_with_any_number_of_rows():
    layer = Dense(3, dtype="mixed_bfloat16")
    layer.build((None, None, 4))
    graph = tf.function(lambda x: gradients_in_graph(layer, x), input_signature=[tf.TensorSpec((None, None, 4))])
    np.testing.assert_allclose(graph(INPUTS), np.full(3, 8 * 512 * 0.01), rtol=0.005)


def gradients_in_graph(layer, inputs):
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.cast(layer(inputs, training=True), tf.float32) * 0.01)
    return tape.gradient(total, layer.bias.value)
