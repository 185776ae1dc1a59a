import numpy as np
import tensorflow as tf

from bert_tf.objectives.losses import cross_entropy

LOGITS = np.log(np.array([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]], "float32"))  # (1, 2, 3)
LABELS = np.array([[1, 2]], "int32")


def test_gives_nats_per_element():
    result = cross_entropy(LABELS, LOGITS + 5)
    assert result.dtype == "float32"
    np.testing.assert_allclose(result, [[np.log(4), -np.log(0.8)]], rtol=1e-5)


def test_stays_finite_far_from_zero():
    result = cross_entropy(np.array([0, 1]), np.array([[1e4, -1e4], [1e4, -1e4]], "float32"))
    np.testing.assert_allclose(result, [0, 2e4])


def test_is_float32_for_half_precision_logits():
    assert cross_entropy(LABELS, LOGITS.astype("float16")).dtype == "float32"


def test_gradient_is_softmax_minus_label():
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(cross_entropy(LABELS, logits))
    np.testing.assert_allclose(tape.gradient(loss, logits), np.exp(LOGITS) - np.eye(3)[LABELS], atol=1e-6)


def test_ends_in_one_fused_kernel():
    graph = tf.function(cross_entropy).get_concrete_function(
        tf.TensorSpec((2, 3), "int32"), tf.TensorSpec((2, 3, 9), "float32")).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("SparseSoftmaxCrossEntropyWithLogits") == 1
    assert not {"LogSoftmax", "Softmax", "Exp", "Log"} & set(kinds)
