"""Layers in parts that can run side by side."""

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras import ops


@dataclasses.dataclass(frozen=True)
class Part:
    """One of equal parts of a layer.

    Attributes:
        number: which one, from 0.
        count: of how many.
        cut: see `in_parts`.
    """

    number: int
    count: int
    cut: Callable[..., Any]

    def of(self, variable, dtype: str, axis: int, repeats: int = 1):
        """The part's share of a variable.

        Args:
            variable: of a layer.
            dtype: that the layer computes in.
            axis: that is divided.
            repeats: how many ranges of the same width lie side by side along it; the part has its share of each.
        """
        return self.cut(self, variable, dtype, axis, repeats)


_cutting = contextvars.ContextVar("cutting", default=None)


@contextlib.contextmanager
def in_parts(count: int, cut: Callable[..., Any]) -> Iterator[None]:
    """Inside, attention and feed-forward networks compute as the sum of `count` parts, at inference.

    Each part has its own heads, or its own units between the two projections: columns of the first kernel, rows of the
    second (Megatron-LM, Shoeybi et al. 2019, section 3). So it depends on no other part.

    Args:
        count: parts of each.
        cut: gives a part's share of a variable; from the part and the arguments of `Part.of`.
    """
    token = _cutting.set((count, cut))
    try:
        yield
    finally:
        _cutting.reset(token)


def parts_of(units: int) -> Sequence[Part]:
    """The parts that a layer of so many heads or units is to be computed in; none if it is to stay whole."""
    count, cut = _cutting.get() or (1, None)
    return [Part(number, count, cut) for number in range(count)] if count > 1 and units % count == 0 else []


def sum_of_parts(parts: Sequence):
    """The parts' outputs added up, the first ones first."""
    return functools.reduce(ops.add, parts)
