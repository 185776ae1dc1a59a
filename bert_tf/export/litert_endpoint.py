"""The answers of a LiteRT file on a computer, for many requests at a time."""

import collections
import json
import os
import pathlib
import queue
import threading
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bert_tf.config import require
from bert_tf.export.phone_answers import Answer, endpoint_answer
from bert_tf.export.phone_model import PhoneModel
from bert_tf.export.tflite import COUNTING_SIGNATURE
from bert_tf.export.tflite_metadata import ABOUT, VOCABULARY


class LiteRTEndpoint:
    """Answers like the endpoint that a .tflite file was made from; any number of threads may ask.

    LiteRT takes one text at a time, so each core has an interpreter of its own; the weights are in memory once. Each
    text is padded to the first length of the file that holds it. Requests take turns: a text does not wait for the
    whole of a large batch that came before it. One that comes when there is nothing else to do has all cores. Where
    long texts are read in windows, what lies beyond the file's `max_windows` is not read.

    Args:
        path: what `scripts/export.py --format=tflite` wrote, strings in.
        num_threads: cores to use; by default all.

    Attributes:
        inputs: the strings that go in by name, and how many axes each has.

    Raises:
        ValueError: it is no such file.

    >>> LiteRTEndpoint("sst2.tflite").answer({"text": ["a joy to watch"]})["label"]
    array([b'positive'], dtype=object)
    """

    def __init__(self, path: str | os.PathLike, num_threads: int | None = None):
        self._about = _about(pathlib.Path(path))
        require(self._about["input"] == "text", f"a file that strings go into, {path}", input=self._about["input"])
        num_threads = os.cpu_count() or 1 if num_threads is None else num_threads
        require(num_threads >= 1, "`num_threads` >= 1", num_threads=num_threads)
        self._lengths = sorted((about["max_length"], name) for name, about in self._about["signatures"].items())
        _, name = self._lengths[0]
        self.inputs = {key: len(value["shape"]) for key, value in self._about["signatures"][name]["inputs"].items()}
        self._unanswered, self._lock = 0, threading.Lock()
        # All are opened now: what is at `path` later may be another file.
        self._with_all_cores = _opened(path, num_threads)
        self._models: queue.SimpleQueue[PhoneModel] = queue.SimpleQueue()
        for _ in range(num_threads):
            self._models.put(_opened(path, 1))
        needed = {name for _, name in self._lengths} | ({COUNTING_SIGNATURE} if len(self._lengths) > 1 else set())
        require(needed <= set(self._with_all_cores.signatures), f"the signatures {', '.join(sorted(needed))} in {path}",
                signatures=sorted(self._with_all_cores.signatures))
        self._most_on_their_way = 2 * num_threads  # no core waits for the next text
        self._threads = ThreadPoolExecutor(num_threads, "litert")

    def answer(self, inputs: Mapping[str, Sequence]) -> Answer:
        """Answers a batch of at least one.

        Args:
            inputs: text or UTF-8 by the names in `self.inputs`, in lists, arrays or tensors: `(batch,)`; choices
                `(batch, choices)`, empty ones are none.

        Returns:
            What the endpoint returns for the batch, as arrays.

        Raises:
            ValueError: other inputs, or of another form.
        """
        require(inputs.keys() == self.inputs.keys(), f"the inputs {', '.join(self.inputs)}", inputs=sorted(inputs))
        columns = {name: _column(name, inputs[name], num_axes) for name, num_axes in self.inputs.items()}
        sizes = {name: len(values) for name, values in columns.items()}
        require(len(set(sizes.values())) == 1, "as many texts of every input", **sizes)
        rows = [{name: values[number:number + 1] for name, values in columns.items()}
                for number in range(min(sizes.values()))]
        with self._lock:
            self._unanswered += len(rows)
            is_alone = self._unanswered == 1
        try:
            # It is counted until it is done, so nobody else finds itself alone meanwhile.
            return _stacked([self._answer_row(rows[0], self._with_all_cores)] if is_alone else self._in_turn(rows))
        finally:
            with self._lock:
                self._unanswered -= len(rows)

    def _in_turn(self, rows: Sequence[dict[str, np.ndarray]]) -> list[Answer]:
        """The answers; few rows are on their way at a time, so that those of other requests come in between."""
        answers, on_their_way = [], collections.deque()
        try:
            for row in rows:
                if len(on_their_way) == self._most_on_their_way:
                    answers.append(on_their_way.popleft().result())
                on_their_way.append(self._threads.submit(self._answer_next, row))
            return answers + [future.result() for future in on_their_way]
        finally:
            for future in on_their_way:
                future.cancel()

    def _answer_next(self, row: dict[str, np.ndarray]) -> Answer:
        model = self._models.get()  # one for each thread: there always is one
        try:
            return self._answer_row(row, model)
        finally:
            self._models.put(model)

    def _answer_row(self, row: dict[str, np.ndarray], model: PhoneModel) -> Answer:
        answer = model(self._signature(model, row), row)
        answer = {name: value for name, value in answer.items() if name not in ("truncated", "bytes_read")}
        return endpoint_answer(answer, row, self._about)

    def _signature(self, model: PhoneModel, row: dict[str, np.ndarray]) -> str:
        """The name of the first length that holds the row, or of the longest."""
        if len(self._lengths) > 1:
            needed = model(COUNTING_SIGNATURE, row)["num_tokens"][0]
            for length, name in self._lengths:
                if length >= needed:
                    return name
        return self._lengths[-1][1]


def _about(path: pathlib.Path) -> dict[str, Any]:
    """What the file says of itself, and its vocabulary."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(ABOUT))
            known = {name: about[name] for name in ("endpoint", "input", "signatures")}
            return about | known | {"vocabulary": archive.read(VOCABULARY).decode().split("\n")[:-1]}
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError) as error:
        raise _foreign(path, error) from None


def _opened(path: str | os.PathLike, num_threads: int) -> PhoneModel:
    try:
        return PhoneModel(path, num_threads)
    except ValueError as error:
        raise _foreign(path, error) from None


def _foreign(path: str | os.PathLike, error: Exception) -> ValueError:
    return ValueError(f"Expected a LiteRT file as scripts/export.py --format=tflite writes it. Received: {path} "
                      f"({error}).")


def _column(name: str, values: Any, num_axes: int) -> np.ndarray:
    values = np.asarray(values).tolist() if hasattr(values, "__array__") else values
    column = np.array(_utf8(name, values), object)
    require(column.ndim == num_axes and column.size > 0,
            f"`{name}` to be a list of {'lists of as many ' if num_axes > 1 else ''}strings", **{name: values})
    return column


def _utf8(name: str, values: Any) -> Any:
    if isinstance(values, str):
        return values.encode("utf-8", errors="replace")
    if isinstance(values, bytes):
        return values
    require(isinstance(values, Iterable), f"`{name}` to hold strings", **{name: values})
    return [_utf8(name, value) for value in values]


def _stacked(answers: Sequence[Answer]) -> Answer:
    """One batch; shorter rows are filled up with zeros or empty strings, as endpoints do."""
    stacked = {}
    for name, first in answers[0].items():
        values = [answer[name] for answer in answers]
        shape = (int(size) for size in np.max([value.shape[1:] for value in values], axis=0))
        stacked[name] = np.full((len(values), *shape), b"" if first.dtype == object else 0, first.dtype)
        for number, value in enumerate(values):
            stacked[name][(slice(number, number + 1), *map(slice, value.shape[1:]))] = value
    return stacked
