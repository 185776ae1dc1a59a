"""A contestant's own process: makes its work and answers the parent's commands until the connection ends."""

import contextlib
import importlib
import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any


def main(descriptor: int) -> None:
    """Answers `(command, values)` with `("ok", result)` or `("error", text)`; the first command is `start`."""
    connection = Connection(descriptor)
    work: Any = None
    # Without an end of the file the parent is gone.
    with contextlib.suppress(EOFError):
        while True:
            command, values = connection.recv()
            try:
                if command == "start":
                    work, result = _started(**values), None
                else:
                    result = getattr(work, command)()
                connection.send(("ok", result))
            except Exception as error:  # noqa: BLE001 - the parent shows it
                traceback.print_exc()
                connection.send(("error", f"{type(error).__name__}: {error}"))


def _started(work: str, make: str, job: dict, options: dict, threads: int) -> Any:
    # Before any library counts the cores it may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    return resolve(work)(job, resolve(make)(job, **options))


def resolve(name: str) -> Any:
    """The object called `module:attribute`."""
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)


if __name__ == "__main__":
    main(int(sys.argv[1]))
