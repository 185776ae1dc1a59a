import math

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import ACTIVATIONS
from bert_tf.layers.activation import activation_function

POINTS = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]
X = np.array(POINTS, "float32")


def formula(name: str, x: float) -> float:
    return {
        "gelu": x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
        "gelu_tanh": x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        "relu": max(x, 0),
        "silu": x / (1 + math.exp(-x)),
    }[name]


def slope(name: str, x: float) -> float:
    """The derivative, by central differences in float64."""
    return (formula(name, x + 1e-5) - formula(name, x - 1e-5)) / 2e-5


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_matches_formula(name):
    np.testing.assert_allclose(activation_function(name)(X), [formula(name, x) for x in POINTS], atol=1e-6)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [
    ("float64", 0, 1e-9), ("float32", 1e-6, 5e-6), ("bfloat16", 2**-8, 5e-6), ("float16", 2**-11, 5e-6)])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_gelu_and_its_gradient_are_exact_to_the_rounding_of_the_type(name, dtype, rtol, atol, mode):
    activate = activation_function(name)

    def values_and_slopes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = activate(x)
        return y, tape.gradient(y, x)

    if mode != "eager":
        values_and_slopes = tf.function(values_and_slopes, jit_compile=mode == "xla")
    x = tf.cast(np.linspace(-6, 6, 241), dtype)
    values, slopes = values_and_slopes(x)

    assert values.dtype == slopes.dtype == dtype
    points = x.numpy().astype("float64")
    for result, expected in ((values, formula), (slopes, slope)):
        np.testing.assert_allclose(result.numpy().astype("float64"), [expected(name, point) for point in points],
                                   rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
def test_gelu_survives_a_saved_model_with_its_gradient(name, tmp_path):
    module = tf.Module()
    module.activate = tf.function(activation_function(name), [tf.TensorSpec([None], "float32")])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = loaded.activate(x)
    np.testing.assert_allclose(y, [formula(name, point) for point in POINTS], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), [slope(name, point) for point in POINTS], atol=1e-5)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
def test_gelu_is_one_operation_in_litert(name):
    activate = tf.function(activation_function(name), [tf.TensorSpec([None], "float32")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([activate.get_concrete_function()])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], X.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], X)
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]),
                               [formula(name, point) for point in POINTS], atol=1e-6)
    assert [operation["op_name"] for operation in interpreter._get_ops_details()
            if operation["op_name"] != "DELEGATE"] == ["GELU"]


def test_gelu_can_be_differentiated_twice():
    x = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = activation_function("gelu")(x)
        slopes = inner.gradient(y, x)
    density = np.exp(-X**2 / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(outer.gradient(slopes, x), (2 - X**2) * density, atol=1e-6)


def test_both_gelus_differ():
    assert np.abs(activation_function("gelu")(X) - activation_function("gelu_tanh")(X)).max() > 1e-4


def test_refuses_unknown_name():
    with pytest.raises(ValueError, match="one of gelu, gelu_tanh, relu, silu. Received: activation='swish'"):
        activation_function("swish")
