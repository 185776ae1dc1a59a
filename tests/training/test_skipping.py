import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.devices import STRATEGIES, assert_same_training, plain_run, state, trained
from tests.training.problems import batch


def with_a_bad_batch(number, value):
    """Three batches; one weight of the last row of batch `number`, which is the last device's, is no number."""
    data = [batch(index) for index in range(3)]
    data[number][2]["masked_lm"][-1, 0] = value
    return tf.data.Dataset.from_generator(lambda: iter(data), output_signature=tf.nest.map_structure(
        lambda array: tf.TensorSpec(array.shape, array.dtype), data[0]))


def without(number):
    data = [batch(index) for index in range(3) if index != number]
    return tf.data.Dataset.from_generator(lambda: iter(data), output_signature=tf.nest.map_structure(
        lambda array: tf.TensorSpec(array.shape, array.dtype), data[0]))


@pytest.mark.parametrize("strategy, value", [
    ("one_device", np.nan), pytest.param("mirrored", np.inf, marks=pytest.mark.slow)])
def test_a_bad_batch_leaves_weights_and_state_alone_and_is_counted(strategy, value):
    skipped, history = trained(strategy, 3, with_a_bad_batch(1, value), skip_nonfinite=True,
                               before=lambda model: model.report_gradient_norm())
    assert history["skipped_batches"] == [0, 1, 0]
    assert np.isfinite(history["loss"])[[0, 2]].all()
    expected, _ = trained(strategy, 2, without(1), skip_nonfinite=True)
    assert int(skipped.optimizer.iterations.numpy()) == 2
    for one, other in zip(state(skipped), state(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    together = skipped.fit(with_a_bad_batch(1, value), verbose=0, shuffle=False).history
    assert np.isfinite(list(together.values())).all() and together["skipped_batches"] == [1]


def test_without_the_option_a_bad_batch_ruins_the_weights():
    model, history = trained("one_device", 3, with_a_bad_batch(1, np.nan))
    assert not np.isfinite(history["loss"][1]) and "skipped_batches" not in history
    assert not np.isfinite(model.trainable_variables[0].numpy()).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_norm_is_that_of_the_global_batch_before_clipping(strategy):
    model, history = trained(strategy, 1, before=lambda model: model.report_gradient_norm())
    reference, _ = trained("one_device", 0)
    with tf.GradientTape() as tape:
        inputs, labels, weights = batch()
        loss = reference.compute_loss(inputs, labels, reference(inputs), weights)
    gradients = [tf.convert_to_tensor(each) for each in tape.gradient(loss, reference.trainable_variables)]
    assert history["gradient_norm"] == pytest.approx([float(tf.linalg.global_norm(gradients))], rel=1e-4)
    evaluation = model.evaluate(tf.data.Dataset.from_tensors(batch()), verbose=0, return_dict=True)
    assert "gradient_norm" not in evaluation and "skipped_batches" not in evaluation


@pytest.mark.parametrize("strategy", ["one_device", pytest.param("mirrored", marks=pytest.mark.slow)])
def test_options_change_no_number_where_all_are_finite(strategy):
    plain = plain_run(strategy)
    watched, history = trained(strategy, skip_nonfinite=True, before=lambda model: model.report_gradient_norm())
    history = {name: history[name] for name in plain[1]}
    assert_same_training(plain, (watched, history), atol=0)


def test_an_optimiser_of_keras_clips_the_global_batch_too():
    def optimizer():
        return keras.optimizers.SGD(0.5, global_clipnorm=0.1)

    assert_same_training(trained(optimizer=optimizer), trained("mirrored", optimizer=optimizer), atol=1e-6)
