import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.heads_tensorflow import join_heads, split_heads
from bert_tf.layers.one_cpu_tensorflow import one_cpu

# (batch, seq, parts * heads * head): 2, 3, 2 * 3 * 4
VECTORS = np.arange(144, dtype="float32").reshape(2, 3, 24)
HEADS = VECTORS.reshape(2, 3, 2, 3, 4).transpose(2, 0, 3, 1, 4)
DTYPES = ["float32", "bfloat16", "float16", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_splits_and_joins(dtype):
    vectors = tf.cast(VECTORS, dtype)
    parts = split_heads(vectors, 2, 3)
    assert [part.dtype for part in parts] == [vectors.dtype] * 2
    np.testing.assert_array_equal(np.stack(parts).astype("float32"), HEADS)
    for number, part in enumerate(parts):
        np.testing.assert_array_equal(join_heads(part).numpy().astype("float32"),
                                      VECTORS[..., 12 * number:12 * (number + 1)])


def test_a_head_that_is_no_multiple_of_64_bits():
    vectors = tf.cast(VECTORS[..., :18], "bfloat16")  # 3 heads of 3 elements, 48 bits
    first, second = split_heads(vectors, 2, 3)
    np.testing.assert_array_equal(tf.concat([join_heads(first), join_heads(second)], -1), vectors)


@pytest.mark.parametrize("dtype", DTYPES[:2])
@pytest.mark.parametrize("sizes", [(2, 3), (None, None)])
def test_gradients_go_the_way_back(dtype, sizes):
    @tf.function(input_signature=[tf.TensorSpec([*sizes, 24], dtype)] * 2)
    def gradient_of_the_way_there_and_back(vectors, upstream):
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            joined = tf.concat([join_heads(part) for part in split_heads(vectors, 2, 3)], -1)
        assert joined.shape[-1] == 24
        return tape.gradient(joined, vectors, upstream)

    upstream = tf.cast(-VECTORS, dtype)
    np.testing.assert_array_equal(gradient_of_the_way_there_and_back(tf.cast(VECTORS, dtype), upstream), upstream)


@pytest.mark.parametrize("positions", [None, 1, np.array([[0, 2], [1, 1]], "int32")], ids=["all", "first", "some"])
def test_attention_is_the_same_on_one_cpu(positions):
    layer = SelfAttention(3, initializer_stddev=1.0)
    inputs, mask = tf.constant(VECTORS / 100), tf.constant([[1, 1, 1], [1, 1, 0]])

    def outputs_and_gradients(is_one):
        with one_cpu(is_one), tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, mask, output_positions=positions, training=True)
        return outputs, tape.gradient(outputs, inputs, outputs)

    for result, expected in zip(outputs_and_gradients(True), outputs_and_gradients(False), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)
