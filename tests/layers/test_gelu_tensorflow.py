import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers import gelu_tensorflow
from bert_tf.layers.activation import activation_function
from bert_tf.layers.one_cpu_tensorflow import one_cpu

WIDTH = 1024  # the least that is compiled
ROWS = np.linspace(-6, 6, 2 * WIDTH).reshape(2, WIDTH)


def values_and_slopes(name, x, is_one):
    @tf.function(input_signature=[tf.TensorSpec([None, x.shape[-1]], x.dtype)])
    def compute(x):
        with one_cpu(is_one), tf.GradientTape() as tape:
            tape.watch(x)
            y = activation_function(name)(x)
            return y, tape.gradient(y, x)

    return compute(x), [operation for operation in compute.get_concrete_function().graph.get_operations()
                        if operation.type == "PartitionedCall"]


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh"])
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("bfloat16", 2**-7), ("float16", 2**-10)])
def test_two_compiled_passes_give_the_numbers_of_single_operations(name, dtype, rtol):
    x = tf.cast(ROWS, dtype)
    results, calls = values_and_slopes(name, x, True)
    expected, operations = values_and_slopes(name, x, False)
    assert [call.get_attr("_XlaMustCompile") for call in calls] == [True, True]
    assert not operations
    for result, value in zip(results, expected, strict=True):
        assert result.dtype == dtype
        np.testing.assert_allclose(tf.cast(result, "float32"), tf.cast(value, "float32"), rtol=rtol, atol=5e-6)


def test_layers_of_one_width_share_what_is_compiled_and_other_widths_have_their_own():
    names = []
    for width in (WIDTH, WIDTH, 2 * WIDTH):
        (values, slopes), calls = values_and_slopes("gelu", tf.ones((3, width)), True)
        assert values.shape == slopes.shape == (3, width)
        names.append([call.get_attr("f").name for call in calls])
    assert names[0] == names[1]
    assert not set(names[0]) & set(names[2])


def test_narrow_rows_are_not_worth_it():
    assert not values_and_slopes("gelu", tf.constant(ROWS[:, :-1]), True)[1]


def test_compiled_passes_keep_only_the_input_for_the_gradient(monkeypatch):
    monkeypatch.setattr(gelu_tensorflow, "_LEAST_COMPILED", 1)
    kept = []
    for is_one in (False, True):
        function = tf.function(activation_function("gelu"), [tf.TensorSpec([None, 8], tf.bfloat16)])
        with one_cpu(is_one):
            forward, _ = function.get_concrete_function()._delayed_rewrite_functions.forward_backward()
        kept.append({(spec.dtype, spec.shape[-1]) for spec in forward.function_type.flat_outputs if spec.shape.rank})
    assert (tf.float32, 8) in kept[0]
    assert kept[1] == {(tf.bfloat16, 8)}
