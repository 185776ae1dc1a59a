"""Contracts and helpers that several test files share."""

import os
import pathlib
import tempfile

import numpy as np
import pytest

_PROJECT_ROOT = pathlib.Path(__file__).resolve().parent.parent


def data_file(*parts: str) -> pathlib.Path:
    """The path `parts` below the folder of real data; skips the calling test where it is absent.

    The folder is named by the environment variable `BERT_TF_TEST_DATA`; by default it is `../shared/data`, seen from
    the project's root.
    """
    folder = os.environ.get("BERT_TF_TEST_DATA") or _PROJECT_ROOT.parent / "shared" / "data"
    path = pathlib.Path(folder, *parts)
    if not path.exists():
        pytest.skip(f"no real data at {path}; name its folder in BERT_TF_TEST_DATA")
    return path


def check_layer(layer, *inputs: np.ndarray, output_shape: tuple, num_weights: int) -> None:
    """The contract of every Keras layer: eager and symbolic call, weight count, config round trip, save and load.

    Args:
        layer: a fresh layer.
        *inputs: arrays for its positional arguments, batch first.
        output_shape: of the (first) result.
        num_weights: arrays in `layer.get_weights()` after the first call.
    """
    import keras

    expected = _first(layer(*inputs))
    assert tuple(expected.shape) == output_shape
    assert len(layer.get_weights()) == num_weights

    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config

    symbols = [keras.Input(array.shape[1:], dtype=array.dtype.name) for array in inputs]
    output = _first(copy(*symbols))
    assert len(output.shape) == len(output_shape)
    for symbolic, actual in zip(output.shape, output_shape, strict=True):
        assert symbolic in (None, actual)
    assert output.dtype == keras.backend.standardize_dtype(expected.dtype)

    copy.set_weights(layer.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "layer.keras")
        keras.Model(symbols, output).save(path)
        loaded = keras.saving.load_model(path)
    result = loaded(list(inputs))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(result), keras.ops.convert_to_numpy(expected))


def _first(result):
    return result[0] if isinstance(result, tuple) else result
