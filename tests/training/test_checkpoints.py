import keras
import numpy as np
import pytest

from bert_tf.training.checkpoints import list_checkpoints, restore_checkpoint, save_checkpoint
from tests.training.problems import endless_batches, tiny_model


def trained(steps, seed=0, **options):
    keras.utils.set_random_seed(seed)
    model = tiny_model(**options)
    model.fit(endless_batches(), steps_per_epoch=steps, verbose=0, shuffle=False)
    return model


def values(model):
    return [np.asarray(variable.value) for variable in model.variables + model.optimizer.variables]


def test_going_on_from_a_checkpoint_is_exact_with_dropout(tmp_path):
    whole = trained(6, dropout=0.2)
    save_checkpoint(tmp_path, trained(3, dropout=0.2))
    # Another seed: everything must come from the file, the generators of dropout included.
    keras.utils.set_random_seed(99)
    resumed = tiny_model(dropout=0.2)
    assert restore_checkpoint(list_checkpoints(tmp_path)[-1], resumed) == 3
    resumed.fit(endless_batches(3), steps_per_epoch=3, verbose=0, shuffle=False)
    for one, other in zip(values(whole), values(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_keeps_the_newest_and_leaves_no_temporary_file(tmp_path):
    model = trained(1)
    for step in (1, 5, 20):
        model.optimizer.iterations.assign(step)
        save_checkpoint(tmp_path, model)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000000005.safetensors", "step-000000020.safetensors"]
    assert sorted(tmp_path.iterdir()) == list_checkpoints(tmp_path)


def test_a_damaged_file_is_named_and_changes_nothing(tmp_path):
    model = trained(2)
    path = save_checkpoint(tmp_path, model)
    path.write_bytes(path.read_bytes()[:-100])
    before = values(model)
    with pytest.raises(ValueError, match=r"whole checkpoint in .*step-000000002\.safetensors"):
        restore_checkpoint(path, model)
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_model_is_refused_by_name(tmp_path, monkeypatch):
    path = save_checkpoint(tmp_path, trained(1))
    monkeypatch.setattr("tests.training.problems.VOCABULARY", 41)
    with pytest.raises(ValueError, match=r"token_embedding.* in .*step-000000001.safetensors to have the shape "
                                         r"\(41, 16\). Received: shape=\(40, 16\)"):
        restore_checkpoint(path, tiny_model())
