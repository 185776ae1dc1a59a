"""Whether layers are trained on one CPU, where some go faster ways; imported only where Keras runs on TensorFlow."""

import contextlib
import contextvars
from collections.abc import Iterator

_trains_on_one_cpu = contextvars.ContextVar("trains_on_one_cpu", default=False)


def trains_on_one_cpu() -> bool:
    """Whether this is a training step on the only device, a CPU.

    Only `one_cpu` says so, around a training step: what is exported holds plain operations.
    """
    return _trains_on_one_cpu.get()


@contextlib.contextmanager
def one_cpu(is_one: bool) -> Iterator[None]:
    """Within it, if `is_one`, `trains_on_one_cpu()` is true."""
    token = _trains_on_one_cpu.set(is_one)
    try:
        yield
    finally:
        _trains_on_one_cpu.reset(token)
