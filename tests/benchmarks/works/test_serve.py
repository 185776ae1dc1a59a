import threading
import time

import numpy as np
import pytest

from bert_tf.benchmarks.works.serve import Serve, closed_loop

TEXTS = [f"text {number}" for number in range(20)]
JOB = {"texts": TEXTS, "short_text": "a", "clients": 3, "requests": 40, "threads": 2}


class Model:
    def __init__(self):
        self.batches, self.lock = [], threading.Lock()

    def __call__(self, texts):
        with self.lock:
            self.batches.append(len(texts))
        time.sleep(0.005)  # else one client would be through before the next one starts
        return np.array([[len(text), len(set(text))] for text in texts], np.float32)


def test_measures_waiting_times_of_every_way():
    model = Model()
    serve = Serve(JOB, model)
    outputs = serve.outputs()
    np.testing.assert_array_equal(outputs["probabilities"], outputs["probabilities of a batch"])
    assert outputs["probabilities"].shape == (16, 2)
    assert serve.warm_up().startswith("requests answered ")
    assert 1 < max(model.batches[17:]) <= JOB["clients"]
    figures = serve.run()
    assert 0 < figures["p50"] <= figures["p95"] <= figures["p99"]
    assert figures["throughput"] > 0 and figures["one short text, p50"] > 0


def test_every_text_is_asked_once_and_errors_come_out():
    asked = []
    assert len(closed_loop(asked.append, TEXTS, clients=4)) == len(TEXTS)
    assert sorted(asked) == sorted(TEXTS)
    with pytest.raises(ZeroDivisionError):
        closed_loop(lambda text: 1 / 0, TEXTS, clients=2)


def test_errors_of_the_worker_reach_the_client():
    def fail(texts):
        raise KeyError("no")
    with pytest.raises(KeyError):
        Serve(JOB, fail)._load("one after the other", 4)
