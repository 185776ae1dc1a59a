import numpy as np
import pytest
import tensorflow as tf

from bert_tf.objectives.losses import cross_entropy, in_batch_cross_entropy

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


@pytest.mark.parametrize("spread", [1.0, 30.0, 1e4])
def test_equals_the_fused_kernel(spread):
    generator = np.random.default_rng(0)
    logits = tf.constant(generator.normal(0, spread, (3, 5, 999)).astype("float32"))
    labels = generator.integers(0, 999, (3, 5))
    weights = tf.constant(generator.random((3, 5)), tf.float32)
    results = []
    for loss in (cross_entropy, tf.nn.sparse_softmax_cross_entropy_with_logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = loss(labels, logits)
            total = tf.reduce_sum(weights * values)
        results.append((values, tape.gradient(total, logits)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-6)


def test_takes_any_number_of_rows_in_a_graph_and_under_xla():
    inputs = tf.TensorSpec((None, None), "int64"), tf.TensorSpec((None, None, 3), "float32")
    expected = cross_entropy(LABELS, LOGITS)
    for jit_compile in (False, True):
        graph = tf.function(cross_entropy, input_signature=inputs, jit_compile=jit_compile)
        np.testing.assert_allclose(graph(LABELS.astype("int64"), LOGITS), expected, rtol=1e-6)
    assert graph(tf.zeros((0, 2), tf.int64), tf.zeros((0, 2, 3))).shape == (0, 2)


def test_a_label_beyond_the_classes_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        cross_entropy(np.array([3]), LOGITS[0, :1])


def test_of_equal_texts_in_a_batch_the_first_one_is_found():
    first = np.array([[1, 0], [2, 0], [0, 3]], "float32")
    losses, right = in_batch_cross_entropy(first, first, scale=1.0)
    own, other = np.e, 1.0  # exp of the cosine
    np.testing.assert_allclose(losses, -np.log([own / (2 * own + other)] * 2 + [own / (own + 2 * other)]), rtol=1e-5)
    assert np.asarray(right).tolist() == [1, 0, 1] and right.dtype == "float32"


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_batch_may_have_no_pairs(jit_compile):
    pairs = tf.TensorSpec((None, 4))
    graph = tf.function(lambda first, second: in_batch_cross_entropy(first, second, 20.0),
                        input_signature=(pairs, pairs), jit_compile=jit_compile)
    losses, right = graph(tf.zeros((0, 4)), tf.zeros((0, 4)))
    assert losses.shape == right.shape == (0,)
