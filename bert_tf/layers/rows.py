"""Batches of sequences as rows of one matrix, and back."""

import contextlib
import contextvars
from collections.abc import Iterator

from keras import ops

_keeps_axes = contextvars.ContextVar("keeps_axes", default=False)


def as_rows(inputs):
    """`(..., width)` -> `(rows, width)`.

    With nothing between a matrix product, its bias and its activation TensorFlow makes one kernel of them on a CPU.
    """
    if len(inputs.shape) <= 2 or _keeps_axes.get():
        return inputs
    return ops.reshape(inputs, (-1, inputs.shape[-1]))


def from_rows(rows, inputs):
    """`(rows, width)` -> `(..., width)` with the leading axes of `inputs`."""
    if len(rows.shape) == len(inputs.shape):
        return rows
    unknown = sum(size is None for size in inputs.shape[:-1])
    axes = [-1 if size is None else size for size in inputs.shape[:-1]] if unknown <= 1 else ops.shape(inputs)[:-1]
    return ops.reshape(rows, (*axes, rows.shape[-1]))


@contextlib.contextmanager
def axes_kept() -> Iterator[None]:
    """Inside, `as_rows` changes nothing. LiteRT calibrates a matrix of an unknown number of rows by its first row."""
    token = _keeps_axes.set(True)
    try:
        yield
    finally:
        _keeps_axes.reset(token)
