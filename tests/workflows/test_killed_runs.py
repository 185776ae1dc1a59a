"""Runs that are killed, stopped or damaged end like runs that were left alone."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy

from tests.workflows.killed_runs import STEPS, config_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
TIMES = ("seconds", "update_seconds", "tokens_per_second", "data_wait_share")


def assert_same_runs(one, other):
    weights = [(folder / "model.safetensors").read_bytes() for folder in (one, other)]
    is_same = weights[0] == weights[1]  # apart: pytest takes minutes to show how bytes differ
    assert is_same
    name = f"checkpoints/step-{STEPS:09d}.safetensors"
    # The optimiser and the generators of dropout, too.
    states = [safetensors.numpy.load_file(folder / name) for folder in (one, other)]
    assert states[0].keys() == states[1].keys()
    for key in states[0]:
        np.testing.assert_array_equal(states[0][key], states[1][key], err_msg=key)
    logs = [[json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()] for folder in (one, other)]
    without_times = [[{name: value for name, value in line.items() if name not in TIMES} for line in log]
                     for log in logs]
    assert without_times[0] == without_times[1] and len(logs[0]) == STEPS


@pytest.fixture(scope="module")
def killed(folder):
    result = subprocess.run([sys.executable, "-m", "tests.workflows.killed_runs", str(folder), "0"], cwd=ROOT,
                            env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-5000:]
    return result.stdout


@pytest.mark.slow
def test_ten_kills_change_nothing(folder, killed):
    assert "killed 10 times" in killed, killed
    assert_same_runs(folder / "whole", folder / "killed")
    report = json.loads((folder / "killed" / "report.json").read_text())
    assert report["steps"] == STEPS and len(report["checkpoints"]) >= 2
    # What the killed writers left has been removed.
    assert not [path for path in (folder / "killed").rglob("*") if path.name.endswith(".unfinished")]


@pytest.mark.slow
def test_sigterm_saves_and_asks_for_a_restart(folder, killed):
    config = folder / "config.json"
    settings = {name: value for name, value in vars(config_of(folder)).items() if value is not None}
    config.write_text(json.dumps(settings))
    command = [sys.executable, str(ROOT / "scripts" / "pretrain.py"), f"--config={config}", "--resume",
               f"--output_dir={folder / 'stopped'}"]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    log = folder / "stopped" / "log.jsonl"
    while not (log.exists() and log.read_text()) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 143, errors[-3000:]
    assert "Stopped by a signal after step" in errors and "--resume goes on from" in errors
    result = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    assert_same_runs(folder / "whole", folder / "stopped")
