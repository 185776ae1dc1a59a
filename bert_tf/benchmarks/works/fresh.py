"""What happens once in a process: imports, loading a model, the memory that a job takes."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def peak_megabytes() -> float:
    """The largest resident set of this process so far; needs Linux."""
    # Not getrusage: its maximum outlives the parent's fork.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))[1]) / 1000


class Load:
    """Loads a model after the library is imported and its runtime started.

    Args:
        job: `model`, `megabytes` of its weights.
        loader: has `load()`, from the folder to a model, and `hidden(model)`, the last hidden state of a short text.
    """

    def __init__(self, job: dict, loader):
        self._job, self._loader = job, loader

    def outputs(self) -> dict[str, np.ndarray]:
        """What the loaded model computes."""
        return {"sequence_output": np.asarray(self._loader.hidden(self._loader.load()), np.float32)}

    def run(self) -> dict[str, float]:
        """Time, and memory in units of the weights."""
        before, start = peak_megabytes(), time.perf_counter()
        model = self._loader.load()
        seconds = time.perf_counter() - start
        del model
        return {"loading": seconds, "memory": (peak_megabytes() - before) / self._job["megabytes"]}


class Start:
    """Imports a framework, then a library's public names.

    Args:
        job: nothing.
        imports: functions that import the framework and the names.
    """

    def __init__(self, job: dict, imports: tuple[Callable[[], None], Callable[[], None]]):
        del job
        self._framework, self._names = imports

    def run(self) -> dict[str, float]:
        """Times."""
        start = time.perf_counter()
        self._framework()
        middle = time.perf_counter()
        self._names()
        return {"beyond the framework": time.perf_counter() - middle, "framework": middle - start}


class Memory:
    """The most memory of a whole job, for a text and for a larger one.

    Args:
        job: nothing.
        measure: from the number of copies of the text to megabytes.
    """

    def __init__(self, job: dict, measure: Callable[[int], float]):
        del job
        self._measure = measure

    def warm_up(self) -> None:
        """Nothing: every figure comes from a process of its own."""

    def run(self) -> dict[str, float]:
        """Megabytes."""
        return {"the text": self._measure(1), "20 times the text": self._measure(20)}
