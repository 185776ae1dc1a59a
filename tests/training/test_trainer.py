import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.training.checkpoints import list_checkpoints
from bert_tf.training.trainer import TrainerConfig, train
from tests.training.problems import SEQ, batch, endless_batches, tiny_model

CONFIG = dict(steps=7, log_steps=2, evaluation_steps=3, checkpoint_steps=4)


def run(directory, resume=False, seed=0, **changes):
    keras.utils.set_random_seed(seed)
    model = tiny_model(dropout=0.1)
    held_out = tf.data.Dataset.from_tensors(batch(1000))
    log = train(model, endless_batches, held_out, directory, TrainerConfig(**CONFIG | changes, resume=resume))
    return model, log


def without_times(log):
    return [{name: value for name, value in line.items() if name not in ("seconds", "tokens_per_second")}
            for line in log]


def test_log_evaluations_and_checkpoints_come_at_their_steps(tmp_path):
    model, log = run(tmp_path)
    assert [line["step"] for line in log] == [2, 3, 4, 6, 7]
    assert [line["step"] for line in log if "held_out" in line] == [3, 6, 7]
    assert [path.name for path in list_checkpoints(tmp_path / "checkpoints")] == [
        "step-000000004.safetensors", "step-000000007.safetensors"]
    assert log == [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["tokens"] for line in log] == [line["positions"] for line in log] == [
        8 * SEQ * count for count in (2, 1, 1, 2, 1)]
    expected = model.evaluate(tf.data.Dataset.from_tensors(batch(1000)), verbose=0, return_dict=True)
    assert log[-1]["held_out"] == pytest.approx({name: expected[name] for name in log[-1]["held_out"]})
    assert set(log[-1]["held_out"]) == {"loss", "masked_lm_loss", "masked_lm_accuracy", "next_sentence_loss",
                                        "next_sentence_accuracy"}


def test_a_resumed_run_ends_like_an_uninterrupted_one(tmp_path):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole, whole_log = run(tmp_path / "whole")
    # Stopped after step 4, behind which the log has one more line.
    run(tmp_path / "cut", steps=6)
    for path in list_checkpoints(tmp_path / "cut" / "checkpoints")[1:]:
        path.unlink()
    resumed, log = run(tmp_path / "cut", resume=True, seed=5)
    assert without_times(log) == without_times(whole_log)
    assert all(later["seconds"] > earlier["seconds"] for earlier, later in zip(log, log[1:], strict=False))
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one.value), np.asarray(other.value))


def test_resuming_a_finished_run_does_nothing(tmp_path):
    _, log = run(tmp_path)
    _, again = run(tmp_path, resume=True)
    assert again == log


def test_nothing_to_resume_from(tmp_path):
    with pytest.raises(ValueError, match="a checkpoint to resume from in .*checkpoints. Received: none"):
        run(tmp_path, resume=True)
