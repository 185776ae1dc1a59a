"""What training does where a CPU is the only device; the process of the tests has two, and is told otherwise."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers import gelu_tensorflow
from tests.training.devices import assert_same_training, plain_run, trained
from tests.training.problems import tiny_model


@pytest.fixture
def one_cpu(monkeypatch):
    plain_run()  # before anything changes
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [] if kind == "GPU" else ["CPU:0"])
    monkeypatch.setattr(gelu_tensorflow, "_LEAST_COMPILED", 1)


def test_only_a_single_cpu_counts(monkeypatch):
    assert not tiny_model(num_layers=1)._has_one_cpu  # two virtual devices
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [] if kind == "GPU" else ["CPU:0"])
    assert tiny_model(num_layers=1)._has_one_cpu
    assert not tiny_model(num_layers=1, jit_compile=True)._has_one_cpu
    monkeypatch.setattr(tf.config, "list_logical_devices",
                        lambda kind=None: ["GPU:0"] if kind == "GPU" else ["CPU:0", "GPU:0"])
    assert not tiny_model(num_layers=1)._has_one_cpu


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"rematerialize": True}, {"run_eagerly": True}],
                         ids=lambda options: next(iter(options), "plain"))
def test_gives_the_numbers_of_plain_operations(one_cpu, options):
    run = trained(**options)
    assert run[0]._has_one_cpu
    assert_same_training(plain_run(), run)


def test_trains_in_bfloat16_with_dropout(one_cpu):
    model, history = trained(dtype="mixed_bfloat16", dropout=0.1, steps=8)
    assert model._has_one_cpu
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
