import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.training.averaging import averaged_weights
from bert_tf.training.lamb import Lamb
from bert_tf.training.optimizer import AdamW
from tests.training.devices import STRATEGIES, trained
from tests.training.problems import batch, tiny_model

MOMENTUM = 0.6


def averaging_run(strategy, dtype=None, optimizer=AdamW):
    """A trained model, its weights after each update, and the averages restated."""
    seen = []

    def record(batch, logs):
        seen.append([variable.numpy() for variable in recorder.model.trainable_variables])

    recorder = keras.callbacks.LambdaCallback(on_train_batch_end=record)
    model, _ = trained(strategy, steps=3, dtype=dtype, callbacks=[recorder],
                       optimizer=lambda: optimizer(1e-2, use_ema=True, ema_momentum=MOMENTUM))
    averages = seen[0]
    for weights in seen[1:]:
        averages = [MOMENTUM * average + (1 - MOMENTUM) * weight
                    for average, weight in zip(averages, weights, strict=True)]
    return model, seen[-1], averages


@pytest.mark.parametrize("strategy, dtype, optimizer", [
    ("one_device", None, AdamW), pytest.param("mirrored", None, Lamb, marks=pytest.mark.slow),
    pytest.param("mirrored", "mixed_float16", AdamW, marks=pytest.mark.slow)])
def test_averages_come_and_go(strategy, dtype, optimizer, tmp_path):
    model, last, averages = averaging_run(strategy, dtype, optimizer)

    def assert_weights(expected):
        for variable, value in zip(model.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, atol=1e-6)

    assert_weights(last)  # the end of `fit` leaves them
    with averaged_weights(model):
        assert_weights(averages)
        inside = model.evaluate(tf.data.Dataset.from_tensors(batch()), verbose=0, return_dict=True)
        model.save_weights(tmp_path / "averaged.weights.h5")
    assert_weights(last)
    outside = model.evaluate(tf.data.Dataset.from_tensors(batch()), verbose=0, return_dict=True)
    assert inside["loss"] != outside["loss"]
    model.load_weights(tmp_path / "averaged.weights.h5")
    assert_weights(averages)


def test_an_error_inside_brings_the_weights_back():
    model, last, _ = averaging_run(STRATEGIES[0])
    with pytest.raises(RuntimeError, match="inside"), averaged_weights(model):
        raise RuntimeError("inside")
    np.testing.assert_array_equal(model.trainable_variables[0].numpy(), last[0])


def test_needs_averages():
    with pytest.raises(ValueError, match="`use_ema=True`. Received: use_ema=False"), averaged_weights(tiny_model()):
        pass
    untrained = tiny_model(optimizer=AdamW(use_ema=True))
    with pytest.raises(ValueError, match="at least one update"), averaged_weights(untrained):
        pass
