"""Calls in several threads whose results come in the order of what they were called with."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def called_in_order(function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]],
                    threads: int) -> Iterator[Result]:
    """The results of `function`, one by one; at most `threads` + 1 are worked on or waiting, however many will come.

    Arguments are drawn in the caller's thread. The first error ends it, and calls that have not begun are left out.

    Args:
        function: lets go of Python's lock, as TensorFlow's functions do, or threads do not help.
        arguments: of each call.
        threads: calls at the same time.
    """
    pool = ThreadPoolExecutor(threads)
    waiting = collections.deque()
    try:
        for values in arguments:
            waiting.append(pool.submit(function, *values))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
