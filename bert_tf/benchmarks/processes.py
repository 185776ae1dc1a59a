"""The contestants' processes, seen from the parent.

Every contestant has a process of its own, because the thread pools of TensorFlow and PyTorch disturb each other in one.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Self

from bert_tf.benchmarks.definitions import Benchmark, Contestant

_LEAST_FREE = 0.3
"""Share of the machine's memory that is made free before a process is started."""
_STOP_SECONDS = 60


class ContestantError(RuntimeError):
    """A contestant's process failed; the text is one line."""


class Process:
    """One contestant, started and ready to work.

    Args:
        benchmark: what it does.
        contestant: who.
        job: of `Benchmark.prepare`.
        threads: and processor cores.

    Raises:
        ContestantError: it cannot start.
    """

    def __init__(self, benchmark: Benchmark, contestant: Contestant, job: Mapping[str, Any], threads: int):
        self._log = tempfile.TemporaryFile(mode="w+", errors="replace")  # noqa: SIM115 - as long as the process
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bert_tf.benchmarks.child", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
                env=_environment(threads) | dict(contestant.environment))
        self.ask("start", work=benchmark.work, make=contestant.make, job=dict(job), options=dict(contestant.options),
                 threads=threads)

    def ask(self, command: str, **values: Any) -> Any:
        """What the process answers.

        Raises:
            ContestantError: it failed, or is gone.
        """
        try:
            self._connection.send((command, values))
            state, result = self._connection.recv()
        except (EOFError, OSError):
            self.stop()
            raise ContestantError(f"its process ended with {self._process.returncode}: {self._last_line()}") from None
        if state == "error":
            raise ContestantError(" ".join(result.split())[:300])
        return result

    def stop(self) -> None:
        """Ends the process."""
        self._connection.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_line(self) -> str:
        self._log.seek(0)
        lines = self._log.read().split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


class Processes:
    """The processes of one benchmark, kept alive between turns as far as memory allows."""

    def __init__(self, benchmark: Benchmark, job: Mapping[str, Any], threads: int):
        self._benchmark, self._job, self._threads = benchmark, job, threads
        self._alive: dict[str, Process] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        for name in list(self._alive):
            self.stop(name)

    def of(self, contestant: Contestant) -> tuple[Process, bool]:
        """The process of a contestant, and whether it was started just now."""
        if contestant.name in self._alive:
            # The order says who worked last.
            self._alive[contestant.name] = self._alive.pop(contestant.name)
            return self._alive[contestant.name], False
        while self._alive and _free_share() < _LEAST_FREE:
            # Whoever worked last will be needed last: contestants take turns.
            self.stop(next(reversed(self._alive)))
        self._alive[contestant.name] = Process(self._benchmark, contestant, self._job, self._threads)
        return self._alive[contestant.name], True

    def stop(self, name: str) -> None:
        """Ends a contestant's process, if there is one."""
        if name in self._alive:
            self._alive.pop(name).stop()


@contextlib.contextmanager
def single_process(benchmark: Benchmark, contestant: Contestant, job: Mapping[str, Any],
                   threads: int) -> Iterator[Process]:
    """A process for one turn."""
    process = Process(benchmark, contestant, job, threads)
    try:
        yield process
    finally:
        process.stop()


def _environment(threads: int) -> dict[str, str]:
    """Quiet, offline, and as many threads in every library."""
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS",
              "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return os.environ | dict.fromkeys(counts, str(threads)) | {
        "TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))}


def _free_share() -> float:
    """Share of the machine's memory that is available; 1 where that is not known."""
    path = Path("/proc/meminfo")
    if not path.exists():
        return 1.0
    kilobytes = dict(re.findall(r"^(\w+):\s+(\d+)", path.read_text(encoding="ascii"), re.MULTILINE))
    return int(kilobytes["MemAvailable"]) / int(kilobytes["MemTotal"])
