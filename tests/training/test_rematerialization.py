import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.devices import assert_same_training, trained
from tests.training.problems import batch, tiny_model


@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
def test_trains_alike_with_dropout(strategy):
    """Dropping other elements the second time would give other gradients."""
    plain = trained(strategy, dropout=0.1)
    assert_same_training(plain, trained(strategy, dropout=0.1, rematerialize=True), atol=1e-6)


def test_trains_alike_in_bfloat16():
    """But for weights whose gradient is hardly more than rounding; with other elements dropped it is 18 % of them."""
    plain, other = (trained(dropout=0.1, dtype="mixed_bfloat16", rematerialize=rematerialize)
                    for rematerialize in (False, True))
    np.testing.assert_allclose(other[1]["loss"], plain[1]["loss"], atol=2e-3)
    apart = [np.abs(one.numpy() - two.numpy()).ravel() > 5e-3
             for one, two in zip(plain[0].trainable_variables, other[0].trainable_variables, strict=True)
             if "query_key_value/bias" not in one.path]  # the gradient of a key's bias is nothing but rounding
    assert np.mean(np.concatenate(apart)) < 0.01


def kept_for_the_gradient(rematerialize):
    """Bytes of the forward pass's results that the backward pass reads, and the gradients."""
    keras.utils.set_random_seed(0)
    model = tiny_model(dropout=0.1, rematerialize=rematerialize)
    inputs, labels, weights = batch()
    forward = set()

    @tf.function
    def gradients(inputs):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs, labels, model(inputs, training=True), weights)
        forward.update(operation.name for operation in loss.graph.get_operations())
        return tape.gradient(loss, model.trainable_variables)

    values = gradients(inputs)
    results = {tensor.name: tensor for operation in gradients.get_concrete_function(inputs).graph.get_operations()
               if operation.name in forward for tensor in operation.outputs
               if tensor.dtype.is_floating and any(user.name not in forward for user in tensor.consumers())}
    return sum(tensor.shape.num_elements() * tensor.dtype.size for tensor in results.values()), values


def test_gradients_are_equal_and_less_is_kept():
    kept, gradients = kept_for_the_gradient(False)
    less_kept, same_gradients = kept_for_the_gradient(True)
    for one, other in zip(gradients, same_gradients, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-6)
    assert less_kept < 0.5 * kept


def test_evaluation_and_inference_are_not_touched():
    model, _ = trained(steps=1, rematerialize=True)
    plain, _ = trained(steps=1)
    for name, output in model(batch()[0]).items():
        np.testing.assert_allclose(output, plain(batch()[0])[name], atol=1e-6)
