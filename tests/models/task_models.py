"""What the tests of all task models share."""

import tempfile

import keras
import numpy as np

from tests.models.tiny import randomise


def check_task_model(model, inputs: dict, labels: dict, expected_weights: int) -> None:
    """Weight count, float32 outputs (under mixed precision too), config and `.keras` round trip, `compile` and `fit`.

    Args:
        model: a fresh one.
        inputs: features of a batch.
        labels: its labels.
        expected_weights: arrays in `model.get_weights()`.
    """
    assert len(model.weights) == expected_weights
    randomise(model)
    outputs = model(inputs)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    mixed = type(model).from_config(model.get_config() | {"dtype": "mixed_bfloat16"})
    for results in (outputs, mixed(inputs)):
        assert {keras.backend.standardize_dtype(value.dtype) for value in results.values()} == {"float32"}
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.saving.load_model(f"{folder}/model.keras")
    assert type(loaded).__name__ == type(model).__name__
    for name, output in loaded(inputs).items():
        np.testing.assert_array_equal(output, outputs[name])

    model.compile(keras.optimizers.SGD(1e-3))
    before = model.evaluate(inputs, labels, verbose=0, return_dict=True)["loss"]
    history = model.fit(inputs, labels, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.evaluate(inputs, labels, verbose=0, return_dict=True)["loss"] < before


def softmax_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log softmax(logits)[label] over the last axis, float64."""
    logits = np.asarray(logits, "float64")
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(logs, labels[..., np.newaxis], axis=-1)[..., 0]
