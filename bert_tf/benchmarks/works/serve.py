"""Texts in, probabilities out, for many clients at once and for one."""

import itertools
import queue
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np

Answer = Callable[[list[str]], np.ndarray]
"""From texts to probabilities, float `(texts, labels)`."""

_CHECKED = 16
_SHORT_REQUESTS = 20
_MODES = ("by the clients' own threads", "one after the other", "as many at a time as threads",
          "those that wait as one batch")


class Serve:
    """Clients that send the next text as soon as they have an answer.

    How requests reach the model is chosen by trying, for each contestant the fastest way: each client's thread calls
    it; one thread does, or as many as there are cores to use, in the order in which the texts came; or one thread with
    all texts that wait.

    Args:
        job: `texts`, `short_text`, `clients`, `requests`, `threads`.
        answer: an `Answer`; several threads call it.
    """

    def __init__(self, job: dict, answer: Answer):
        self._job, self._answer = job, answer
        self._mode = _MODES[0]

    def outputs(self) -> dict[str, np.ndarray]:
        """The probabilities of the first texts, one by one and as a batch."""
        texts = self._job["texts"][:_CHECKED]
        return {"probabilities": np.concatenate([self._answer([text]) for text in texts]).astype(np.float64),
                "probabilities of a batch": np.asarray(self._answer(texts), np.float64)}

    def warm_up(self) -> str:
        """Chooses how requests reach the model; says how."""
        number = min(self._job["requests"], 6 * self._job["clients"])
        speeds = {}
        for mode in _MODES:
            self._load(mode, self._job["clients"])
            start = time.perf_counter()
            self._load(mode, number)
            speeds[mode] = number / (time.perf_counter() - start)
        self._mode = max(speeds, key=speeds.__getitem__)
        return f"requests answered {self._mode}"

    def run(self) -> dict[str, float]:
        """Throughput and waiting times, after some requests that do not count: the process may have waited long."""
        self._load(self._mode, 2 * self._job["clients"])
        start = time.perf_counter()
        waits = self._load(self._mode, self._job["requests"])
        seconds = time.perf_counter() - start
        p50, p95, p99 = 1000 * np.percentile(waits, (50, 95, 99))
        return {"throughput": len(waits) / seconds, "p50": float(p50), "p95": float(p95), "p99": float(p99),
                "one short text, p50": self._alone()}

    def _alone(self) -> float:
        waits = [_seconds(self._answer, [self._job["short_text"]]) for _ in range(_SHORT_REQUESTS)]
        return 1000 * statistics.median(waits)

    def _load(self, mode: str, number: int) -> list[float]:
        """The waiting time of each request, in seconds."""
        texts = list(itertools.islice(itertools.cycle(self._job["texts"]), number))
        if mode == _MODES[0]:
            return closed_loop(lambda text: self._answer([text]), texts, self._job["clients"])
        with _Workers(self._answer, number=self._job["threads"] if mode == _MODES[2] else 1,
                      most=self._job["clients"] if mode == _MODES[3] else 1) as workers:
            return closed_loop(workers.ask, texts, self._job["clients"])


def closed_loop(ask: Callable[[str], object], texts: Sequence[str], clients: int) -> list[float]:
    """`clients` threads that take the next text as soon as they have an answer; seconds of each request."""
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for text in texts:
        waiting.put(text)
    seconds: list[float] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                seconds.append(_seconds(ask, waiting.get_nowait()))
        except queue.Empty:
            pass
        except BaseException as error:  # noqa: BLE001 - shown by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return seconds


def _seconds(ask: Callable, question) -> float:
    start = time.perf_counter()
    ask(question)
    return time.perf_counter() - start


class _Workers:
    """`number` threads that answer what waits, each at most `most` texts at once."""

    def __init__(self, answer: Answer, number: int, most: int):
        self._answer, self._most = answer, most
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work) for _ in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def ask(self, text: str) -> np.ndarray:
        """Waits for the answer."""
        future: Future = Future()
        self._waiting.put((text, future))
        return future.result()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < self._most and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._waiting.put(None)
                    break
                batch.append(following)
            try:
                rows = self._answer([text for text, _ in batch])
                for (_, future), row in zip(batch, rows, strict=True):
                    future.set_result(row)
            except BaseException as error:  # noqa: BLE001 - belongs to those who wait
                for _, future in batch:
                    future.set_exception(error)
