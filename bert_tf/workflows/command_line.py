"""run: what all scripts share."""

import functools
import os
import select
import signal
import sys
from collections.abc import Callable

from absl import app, logging


def run(main: Callable[[list[str]], None], flags_parser: Callable[[list[str]], list[str]] | None = None, *,
        trains: bool = False) -> None:
    """Parses flags and runs `main(argv)`, where `argv` is the script's name and what is not a flag.

    A script that leaves some flags to a library brings its own `flags_parser`, from the command line to `argv`.

    TensorFlow, which must not have been imported yet, keeps its notes to itself, which would tear up progress bars;
    warnings and errors are shown. With `trains` it uses oneDNN on every CPU. By itself it does so on those with
    instructions for neural networks only; on others training takes up to twice the time without it. The variables
    `TF_CPP_MIN_LOG_LEVEL` and `TF_ENABLE_ONEDNN_OPTS` stay as they are if the user has set them.

    What a user can put right, a `ValueError` or an `OSError`, ends the script with one line, `error: ...`, on stderr
    and exit code 1; with `--verbosity=1` the traceback is shown instead.

    Ctrl-C ends it with one word, and a reader of its output that goes away, such as `head`, in silence; the exit codes
    are those that a shell gives for these signals.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    if trains:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    app.run(functools.partial(_guarded, main), flags_parser=flags_parser or app.parse_flags_with_usage)


def _guarded(main: Callable[[list[str]], None], argv: list[str]) -> None:
    try:
        main(argv)
    except KeyboardInterrupt:
        if logging.level_debug():
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            # Such as `head`, which wants no more; nothing is left to be flushed at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        if logging.level_debug():
            raise
        sys.exit(f"error: {' '.join(str(error).split())}")


def _nobody_reads() -> bool:
    """Whether the reader of what is printed is gone: another pipe may have broken."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))
