"""Contestants that need no library, for the tests of what runs them."""

import os
from pathlib import Path

import numpy as np

from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric


def make(job, value=1.0, name="", fails=""):
    return {"value": value, "name": name, "fails": fails}


class FakeWork:
    def __init__(self, job, made):
        self._job, self._made, self._turns = job, made, 0
        self._note("start")

    def outputs(self):
        self._note("outputs")
        return {"result": np.array([1.0, self._made["value"]])}

    def warm_up(self):
        self._note("warm_up")
        return f"warmed {self._made['name']}"

    def run(self):
        self._note("run")
        self._turns += 1
        if self._made["fails"] == "error":
            raise RuntimeError("out of\nluck")
        if self._made["fails"] == "exit":
            print("last words", flush=True)
            os._exit(3)
        return {"speed": 10.0 * self._turns if self._made["name"] == "ours" else 4.0 * self._turns, "seconds": 2.0}

    def _note(self, event):
        with Path(self._job["log"]).open("a") as file:
            file.write(f"{self._made['name']} {event} {os.getpid()}\n")


def contestant(name, library, **changes):
    options = {"name": name} | changes.pop("options", {})
    return Contestant(name, library, "tests.benchmarks.fakes:make", options, **changes)


def benchmark(*contestants, log, **changes):
    return Benchmark("a fake", (Metric("speed", "m/s"), Metric("seconds", "s", larger_is_better=False)),
                     lambda config: contestants, lambda config, folder: {"log": str(log), "input": "nothing"},
                     "tests.benchmarks.fakes:FakeWork", **changes)


def events(log):
    return [line.split()[:2] for line in log.read_text().splitlines()]
