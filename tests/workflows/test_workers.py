"""Pre-training by two processes, one of which is killed."""

import json
import time

import numpy as np
import pytest
import safetensors.numpy

from bert_tf.workflows.pretrain import pretrain
from tests.training.processes import Workers
from tests.workflows.workers_run import config_of


@pytest.fixture(scope="module")
def whole(folder):
    """The run of two workers without interruption."""
    with Workers("tests.workflows.workers_run:run", 2, folder, data=str(folder), name="whole") as workers:
        return workers.results()


def log_of(directory):
    return [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_workers_log_what_one_does(folder, whole):
    assert "held_out" in whole[0] and whole[1] == []
    # The second worker wrote nothing: no file is there twice, and none has another's name.
    assert {path.name for path in (folder / "whole").iterdir()} == {
        "config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "report.json", "curves.png",
        "log.jsonl", "run.json", "checkpoints", "positions.jsonl"}
    pretrain(config_of(folder, strategy="one_device"), folder / "alone")
    for line, alone in zip(log_of(folder / "whole"), log_of(folder / "alone"), strict=True):
        assert (line["step"], line["tokens"], line["positions"]) == (alone["step"], alone["tokens"], alone["positions"])
        assert line["loss"] == pytest.approx(alone["loss"], abs=1e-4)
        if "held_out" in alone:
            assert line["held_out"]["loss"] == pytest.approx(alone["held_out"]["loss"], abs=1e-4)
    reports = [json.loads((folder / name / "report.json").read_text()) for name in ("whole", "alone")]
    assert (reports[0]["workers"], reports[0]["strategy"]) == (2, "CollectiveAllReduceStrategy")
    assert reports[0]["tokens"] == reports[1]["tokens"]


@pytest.mark.slow
def test_a_killed_worker_starts_again(folder, whole):
    with Workers("tests.workflows.workers_run:run", 2, folder, data=str(folder), name="killed") as workers:
        log = folder / "killed" / "log.jsonl"
        while not (log.exists() and len(log.read_text().splitlines()) > 14):
            assert workers.processes[0].poll() is None, workers.log(0).read_text()[-4000:]
            time.sleep(0.05)
        workers.kill(1)
        # The other cannot go on alone; what runs the job ends it, and starts both again.
        workers.kill(0)
        for index in range(2):
            workers.start(index)
        workers.results()
    whole_weights, killed_weights = (safetensors.numpy.load_file(folder / name / "model.safetensors")
                                     for name in ("whole", "killed"))
    for name, value in whole_weights.items():
        # A key's bias has no gradient but rounding, which Adam blows up.
        if not name.endswith("key.bias"):
            np.testing.assert_allclose(killed_weights[name], value, atol=1e-4, err_msg=name)
    # Workers add up in no fixed order.
    for line, expected in zip(log_of(folder / "killed"), log_of(folder / "whole"), strict=True):
        assert line["loss"] == pytest.approx(expected["loss"], abs=1e-5)
