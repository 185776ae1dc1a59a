"""run: what all scripts share."""

import functools
import sys
from collections.abc import Callable

from absl import app, logging


def run(main: Callable[[list[str]], None]) -> None:
    """Parses flags and runs `main(argv)`, where `argv` is the script's name and what is not a flag.

    What a user can put right, a `ValueError` or an `OSError`, ends the script with one line, `error: ...`, on stderr
    and exit code 1; with `--verbosity=1` the traceback is shown instead.
    """
    app.run(functools.partial(_guarded, main))


def _guarded(main: Callable[[list[str]], None], argv: list[str]) -> None:
    try:
        main(argv)
    except (ValueError, OSError) as error:
        if logging.level_debug():
            raise
        sys.exit(f"error: {' '.join(str(error).split())}")
