import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.training.optimizer import AdamW


def restated_adamw(weights, gradients, lr, decay, beta_1, beta_2, epsilon, clip, decayed):
    """Loshchilov and Hutter 2019, algorithm 2, over several updates."""
    means = [np.zeros_like(w) for w in weights]
    squares = [np.zeros_like(w) for w in weights]
    for step, grads in enumerate(gradients, start=1):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        grads = [g * min(1, clip / norm) for g in grads]
        for i, g in enumerate(grads):
            means[i] = beta_1 * means[i] + (1 - beta_1) * g
            squares[i] = beta_2 * squares[i] + (1 - beta_2) * g**2
            mean, square = means[i] / (1 - beta_1**step), squares[i] / (1 - beta_2**step)
            if decayed[i]:
                weights[i] = weights[i] - lr * decay * weights[i]
            weights[i] = weights[i] - lr * mean / (np.sqrt(square) + epsilon)
    return weights


def random_problem(updates=5, rows=3):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(rows, 4)), rng.normal(size=4)]
    gradients = [[rng.normal(size=w.shape) * scale for w in weights] for scale in (0.01, 1, 5, 0.1, 2)[:updates]]
    return weights, gradients


@pytest.mark.parametrize("rows", [3, 2**16])  # 2**18 elements: compiled
def test_equals_the_restatement_and_spares_biases(rows):
    weights, gradients = random_problem(rows=rows)
    variables = [keras.Variable(w.astype("float32")) for w in weights]
    optimizer = AdamW(0.01, weight_decay=0.1)
    for grads in gradients:
        optimizer.apply([tf.constant(g, tf.float32) for g in grads], variables)
    expected = restated_adamw(weights, gradients, 0.01, 0.1, 0.9, 0.999, 1e-6, 1.0, decayed=[True, False])
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-5)


def test_epsilon_is_added_to_the_corrected_root():
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer = AdamW(0.5, epsilon=1e-6)
    for _ in range(2):  # the mean of equal gradients is the gradient, whatever the step
        optimizer.apply([tf.constant([1e-6, -3e-6])], [variable])
    np.testing.assert_allclose(variable.numpy(), [-2 * 0.5 / 2, 2 * 0.5 * 3 / 4], rtol=1e-4)


def test_what_is_decayed_survives_the_config():
    optimizer = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(AdamW(0.5, weight_decay=0.1)))
    assert isinstance(optimizer, AdamW)
    assert optimizer.get_config() == AdamW(0.5, weight_decay=0.1).get_config()
    kernel, bias = keras.Variable(np.ones((2, 2), "float32")), keras.Variable(np.ones(2, "float32"))
    optimizer.apply([tf.zeros([2, 2]), tf.zeros([2])], [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), 0.95)
    np.testing.assert_allclose(bias.numpy(), 1.0)


def test_factors_scale_rate_and_decay():
    weights, gradients = random_problem(updates=3)
    variables = [keras.Variable(weights[0].astype("float32"), name="low"),
                 keras.Variable(weights[1].astype("float32"), name="high")]
    optimizer = AdamW(0.01, weight_decay=0.1, learning_rate_factors={"lo": 0.5})
    optimizer = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    for grads in gradients:
        optimizer.apply([tf.constant(g, tf.float32) for g in grads], variables)
    settings = dict(decay=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-6, clip=1.0, decayed=[True, False])
    low, _ = restated_adamw(list(weights), gradients, 0.005, **settings)
    _, high = restated_adamw(list(weights), gradients, 0.01, **settings)
    np.testing.assert_allclose(variables[0].numpy(), low, atol=1e-5)
    np.testing.assert_allclose(variables[1].numpy(), high, atol=1e-5)


def test_clips_the_mean_of_accumulated_gradients():
    weights, gradients = random_problem(updates=4)
    variables = [keras.Variable(w.astype("float32")) for w in weights]
    optimizer = AdamW(0.01, weight_decay=0.1, gradient_accumulation_steps=2)
    for grads in gradients:
        optimizer.apply([tf.constant(g, tf.float32) for g in grads], variables)
    means = [[(one + other) / 2 for one, other in zip(*pair, strict=True)] for pair in (gradients[:2], gradients[2:])]
    expected = restated_adamw(weights, means, 0.01, 0.1, 0.9, 0.999, 1e-6, 1.0, decayed=[True, False])
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-5)


@pytest.mark.parametrize("rows", [3, 2**16])
def test_a_gradient_that_is_not_finite_is_seen_everywhere(rows):
    weights, ((kernel, bias),) = random_problem(updates=1, rows=rows)
    variables = [keras.Variable(w.astype("float32")) for w in weights]
    AdamW(0.01).apply([tf.constant(kernel, tf.float32), tf.constant([*bias[:3], np.inf], tf.float32)], variables)
    assert all(np.isnan(variable.numpy()).all() for variable in variables)


def test_numbers_are_made_once_for_all_variables():
    variables = [keras.Variable(np.ones(3, "float32")) for _ in range(5)]
    optimizer = AdamW(0.01)
    optimizer.build(variables)
    apply = tf.function(lambda: optimizer.apply([tf.ones(3)] * 5, variables), autograph=False)
    kinds = [operation.type for operation in apply.get_concrete_function().graph.get_operations()]
    assert (kinds.count("ResourceApplyAdam"), kinds.count("Pow")) == (5, 2)


def test_a_step_of_one_variable_alone_has_the_numbers_of_its_time():
    alone, whole = (keras.Variable(np.ones(3, "float32")) for _ in range(2))
    one, other = AdamW(0.01, global_clipnorm=None), AdamW(0.01, global_clipnorm=None)
    one.build([alone])
    for _ in range(2):
        one.update_step(tf.ones(3), alone, one.learning_rate)
        one.iterations.assign_add(1)
        other.apply([tf.ones(3)], [whole])
    np.testing.assert_array_equal(alone.numpy(), whole.numpy())
