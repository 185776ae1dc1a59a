import errno
import json
import os
import signal

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from bert_tf.training.averaging import averaged_weights
from bert_tf.training.checkpoints import list_checkpoints
from bert_tf.training.divergence import DivergedError
from bert_tf.training.optimizer import AdamW
from bert_tf.training.stop_signals import Preempted
from bert_tf.training.trainer import TrainerConfig, train
from tests.training.problems import SEQ, batch, endless_batches, tiny_model

CONFIG = dict(steps=7, log_steps=2, evaluation_steps=3, checkpoint_steps=4)
TIMES = ("seconds", "update_seconds", "tokens_per_second", "data_wait_share")


def run(directory, resume=False, seed=0, batches=endless_batches, listener=None, **changes):
    keras.utils.set_random_seed(seed)
    model = tiny_model(dropout=0.1)
    held_out = tf.data.Dataset.from_tensors(batch(1000))
    log = train(model, batches, held_out, directory, TrainerConfig(**CONFIG | changes, resume=resume), listener)
    return model, log


def without_times(log):
    return [{name: value for name, value in line.items() if name not in TIMES} for line in log]


def steps_of_checkpoints(directory):
    return [int(path.stem.removeprefix("step-")) for path in list_checkpoints(directory / "checkpoints")]


def assert_same_state(one, other):
    for first, second in zip(one.variables + one.optimizer.variables, other.variables + other.optimizer.variables,
                             strict=True):
        np.testing.assert_array_equal(np.asarray(first.value), np.asarray(second.value))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    return (directory, *run(directory, checkpoint_steps=5, log_steps=4))


def test_log_evaluations_and_checkpoints_come_at_their_steps(tmp_path):
    heard = []
    model, log = run(tmp_path, keep_checkpoints=9, listener=heard.append)
    assert [line["step"] for line in log] == [2, 3, 4, 6, 7]
    evaluated = {line["step"]: line["held_out"]["loss"] for line in log if "held_out" in line}
    assert list(evaluated) == [3, 6, 7]
    improved = [step for step in evaluated if evaluated[step] == min(list(evaluated.values())[:list(evaluated).index(
        step) + 1])]
    assert steps_of_checkpoints(tmp_path) == sorted({4, 7, *improved})
    assert log == heard == [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["tokens"] for line in log] == [line["positions"] for line in log] == [
        8 * SEQ * count for count in (2, 1, 1, 2, 1)]
    expected = model.evaluate(tf.data.Dataset.from_tensors(batch(1000)), verbose=0, return_dict=True)
    assert log[-1]["held_out"] == pytest.approx({name: expected[name] for name in log[-1]["held_out"]})
    assert set(log[-1]["held_out"]) == {"loss", "masked_lm_loss", "masked_lm_accuracy", "next_sentence_loss",
                                        "next_sentence_accuracy"}
    for line in log:
        assert 0 < line["update_seconds"] <= line["seconds"] and 0 <= line["data_wait_share"] <= 1
        assert line["tokens_per_second"] == pytest.approx(line["tokens"] / line["update_seconds"])


def test_a_resumed_run_ends_like_an_uninterrupted_one(whole, tmp_path):
    _, model, log = whole
    # Stopped behind the checkpoint of step 5, in the middle of the interval that the line of step 6 sums up.
    run(tmp_path, steps=6, checkpoint_steps=5, log_steps=4, keep_checkpoints=9)
    for path in list_checkpoints(tmp_path / "checkpoints"):
        if "000005" not in path.name:
            path.unlink()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 7, "los')
    heard = []
    resumed, resumed_log = run(tmp_path, resume=True, seed=5, checkpoint_steps=5, log_steps=4, listener=heard.append)
    assert without_times(resumed_log) == without_times(log) == without_times(heard)
    assert all(later["seconds"] > earlier["seconds"] for earlier, later in zip(log, log[1:], strict=False))
    assert_same_state(resumed, model)


def test_resuming_a_finished_run_does_nothing(whole):
    directory, model, log = whole
    again, again_log = run(directory, resume=True, checkpoint_steps=5, log_steps=4)
    assert again_log == log
    assert_same_state(again, model)


def test_resuming_without_a_checkpoint_starts_anew(whole, tmp_path):
    model, log = run(tmp_path, resume=True, checkpoint_steps=5, log_steps=4)
    assert without_times(log) == without_times(whole[2])
    for path in list_checkpoints(tmp_path / "checkpoints"):
        path.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="an undamaged checkpoint to resume from in .*checkpoints. Received: "):
        run(tmp_path, resume=True)


def sending(number, at):
    """Batches; a signal arrives while the one of step `at` is fetched."""
    def batches(first=0):
        def pass_on(index, *data):
            def send(index):
                if index == at - 1:
                    os.kill(os.getpid(), number)
                return index

            with tf.control_dependencies([tf.py_function(send, [index], tf.int64)]):
                return tf.nest.map_structure(tf.identity, data)

        return endless_batches(first).enumerate(first).map(lambda index, data: pass_on(index, *data))

    return batches


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_state_and_asks_for_a_restart(whole, tmp_path, number):
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, batches=sending(number, at=2), checkpoint_steps=5, log_steps=4)
    assert isinstance(caught.value, Preempted) and caught.value.code == 143
    assert len(steps_of_checkpoints(tmp_path)) == 1 and steps_of_checkpoints(tmp_path)[0] < 5
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    model, log = run(tmp_path, resume=True, seed=3, checkpoint_steps=5, log_steps=4)
    assert_same_state(model, whole[1])
    assert without_times(log) == without_times(whole[2])


def test_checkpoints_come_after_minutes_too(tmp_path):
    run(tmp_path, checkpoint_minutes=1e-9, checkpoint_steps=99, keep_checkpoints=9)
    assert steps_of_checkpoints(tmp_path) == [1, 2, 3, 4, 5, 6, 7]


def spoilt(at, value):
    def batches(first=0):
        def spoil(index, data):
            inputs, labels, weights = data
            factor = tf.where(index == at - 1, value, 1.0)
            return inputs, labels, {name: weight * factor for name, weight in weights.items()}

        return endless_batches(first).enumerate(first).map(spoil)

    return batches


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    with pytest.raises(DivergedError, match=r"a finite loss. Received: loss=nan at step 6, learning_rate=0.01. The "
                                            r"last good checkpoint is .*step-000000005.safetensors;"):
        run(tmp_path, steps=60, log_steps=10, evaluation_steps=60, checkpoint_steps=5, batches=spoilt(6, np.nan))
    assert steps_of_checkpoints(tmp_path) == [5]
    # Just before a checkpoint.
    (tmp_path / "other").mkdir()
    with pytest.raises(DivergedError, match="at step 2, learning_rate=0.01. The last good checkpoint is not there yet"):
        run(tmp_path / "other", steps=60, log_steps=60, evaluation_steps=60, checkpoint_steps=3,
            batches=spoilt(2, np.nan))
    assert steps_of_checkpoints(tmp_path / "other") == []


def test_a_loss_that_explodes_stops_the_run(tmp_path):
    with pytest.raises(DivergedError, match=r"a loss below 4, twice that of guessing. Received: loss=4\.\d+ at step 2"):
        run(tmp_path, largest_loss=4.0)


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path, monkeypatch):
    save, calls = safetensors.numpy.save_file, []

    def full_at_the_second(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(*arguments)

    monkeypatch.setattr(safetensors.numpy, "save_file", full_at_the_second)
    with pytest.raises(OSError, match="No space left on device.* The checkpoint before: .*step-000000002.safetensors"):
        run(tmp_path, checkpoint_steps=2)
    assert steps_of_checkpoints(tmp_path) == [2]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_updates_that_are_not_finite_can_be_skipped(tmp_path):
    keras.utils.set_random_seed(0)
    model = tiny_model(skip_nonfinite=True)
    log = train(model, spoilt(3, np.nan), tf.data.Dataset.from_tensors(batch(1000)), tmp_path, TrainerConfig(**CONFIG))
    assert {line["step"]: line["skipped_batches"] for line in log} == {2: 0, 3: 1, 4: 0, 6: 0, 7: 0}
    assert all(np.isfinite(variable.numpy()).all() for variable in model.trainable_variables)
    assert "skipped_batches" not in log[-1]["held_out"]


@pytest.mark.slow
def test_averaged_weights_are_evaluated_and_survive_a_resume(tmp_path):
    def averaging(directory, **changes):
        keras.utils.set_random_seed(0)
        model = tiny_model(dropout=0.1)
        model.compile(AdamW(1e-2, use_ema=True, ema_momentum=0.9))
        held_out = tf.data.Dataset.from_tensors(batch(1000))
        log = train(model, endless_batches, held_out, directory, TrainerConfig(**CONFIG | changes))
        with averaged_weights(model):
            loss = model.evaluate(held_out, verbose=0, return_dict=True)["loss"]
        return model, log, loss

    model, log, loss = averaging(tmp_path)
    assert log[-1]["held_out"]["loss"] == pytest.approx(loss, abs=1e-6)
    assert loss != pytest.approx(model.evaluate(tf.data.Dataset.from_tensors(batch(1000)), verbose=0)[0], abs=1e-6)
    list_checkpoints(tmp_path / "checkpoints")[-1].unlink()
    again, again_log, _ = averaging(tmp_path, resume=True)
    assert_same_state(again, model)
    assert without_times(again_log) == without_times(log)
