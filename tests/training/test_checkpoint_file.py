import errno
import json
import pathlib

import keras
import numpy as np
import pytest
import safetensors.numpy

from bert_tf.training.checkpoint_file import (
    DamagedCheckpointError,
    checkpoint_size,
    read_checkpoint,
    write_checkpoint,
)
from tests.training.problems import endless_batches, tiny_model


def trained(steps, seed=0, model=None, first=0, **options):
    keras.utils.set_random_seed(seed)
    model = model or tiny_model(**options)
    model.fit(endless_batches(first), steps_per_epoch=steps, verbose=0, shuffle=False)
    return model


def values(model):
    return [np.asarray(variable.value) for variable in model.variables + model.optimizer.variables]


def assert_same(one, other):
    for first, second in zip(values(one), values(other), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "x.safetensors"
    model = trained(3, dropout=0.2)
    write_checkpoint(path, model, 3, {"seconds": 1.5})
    return path, model


@pytest.mark.slow
def test_going_on_is_exact_with_dropout(written):
    path, _ = written
    # Another seed: everything must come from the file, the generators of dropout included.
    keras.utils.set_random_seed(99)
    resumed = tiny_model(dropout=0.2)
    assert read_checkpoint(path, resumed) == (3, {"seconds": 1.5})
    assert_same(trained(3, model=resumed, first=3), trained(6, dropout=0.2))


def test_writing_leaves_the_scale_of_the_loss(tmp_path):
    model = trained(1, dtype="mixed_float16", num_layers=1)
    model.optimizer.dynamic_scale.assign(8.0)
    for _ in range(2):
        write_checkpoint(tmp_path / "x", model, 1, {})
    assert float(model.optimizer.dynamic_scale) == 8.0
    resumed = tiny_model(dtype="mixed_float16", num_layers=1)
    read_checkpoint(tmp_path / "x", resumed)
    assert_same(resumed, model)


def test_metrics_are_part_of_the_state(written):
    path, model = written
    other = tiny_model(dropout=0.2)
    read_checkpoint(path, other)
    assert other.get_metrics_result() == model.get_metrics_result()
    assert other.get_metrics_result()["loss"] > 0


def test_size_is_that_of_the_tensors(written):
    path, model = written
    tensors = safetensors.numpy.load_file(path)
    assert checkpoint_size(model) == sum(tensor.nbytes for tensor in tensors.values())


def damage(path, target, change):
    data = bytearray(path.read_bytes())
    target.write_bytes(change(data))


@pytest.mark.parametrize("change", [
    lambda data: data[:-100], lambda data: data[:1000], lambda data: b"",
    # One bit of a tensor, of the header's text and of its length.
    lambda data: data[:-5] + bytes([data[-5] ^ 4]) + data[-4:],
    lambda data: data.replace(b'"step":"3"', b'"step":"7"'),
    lambda data: bytes([data[0] ^ 1]) + data[1:],
    lambda data: data.replace(b'"checksum"', b'"Checksum"'),
])
def test_damage_is_noticed_and_changes_nothing(written, tmp_path, change):
    path, model = written
    damage(path, tmp_path / "damaged.safetensors", change)
    before = values(model)
    with pytest.raises(DamagedCheckpointError, match=r"damaged\.safetensors"):
        read_checkpoint(tmp_path / "damaged.safetensors", model)
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_flipped_byte_is_noticed(written, tmp_path):
    path, model = written
    size = path.stat().st_size
    for position in np.random.default_rng(0).integers(0, size, 40):
        damage(path, tmp_path / "x", lambda data, at=position: data[:at] + bytes([data[at] ^ 16]) + data[at + 1:])
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(tmp_path / "x", model)


def test_another_model_is_refused_by_name(written, monkeypatch):
    monkeypatch.setattr("tests.training.problems.VOCABULARY", 41)
    with pytest.raises(ValueError, match=r"token_embedding.* in .*x\.safetensors to have the shape \(41, 16\). "
                                         r"Received: shape=\(40, 16\)") as caught:
        read_checkpoint(written[0], tiny_model(dropout=0.2))
    assert not isinstance(caught.value, DamagedCheckpointError)


def test_another_optimizer_is_refused_by_count(written):
    model = tiny_model(dropout=0.2)
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"to hold the \d+ variables of this model and optimiser"):
        read_checkpoint(written[0], model)


def test_a_state_that_is_not_finite_is_never_written(tmp_path):
    model = tiny_model()
    model.optimizer.build(model.trainable_variables)
    model.trainable_variables[3].assign(model.trainable_variables[3] * np.nan)
    with pytest.raises(ValueError, match="finite numbers to save. Received: variable='"):
        write_checkpoint(tmp_path / "x", model, 1, {})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(written, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    (tmp_path / "x").write_text("earlier")
    with pytest.raises(OSError, match=r"Expected to write 0\.\d MB to .*x, where [\d,.]+ MB are free. Received: .*"
                                      "No space left on device"):
        write_checkpoint(tmp_path / "x", written[1], 1, {})
    assert [path.name for path in pathlib.Path(tmp_path).iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "earlier"


def test_the_file_names_its_variables(written):
    with safetensors.safe_open(written[0], framework="np") as file:
        paths = json.loads(file.metadata()["paths"])
    assert any("token_embedding" in path for path in paths.values())
    assert any("seed_generator_state" in path for path in paths.values())
