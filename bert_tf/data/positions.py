"""Where in the text each window of examples began, noted on the way, so that a run that goes on can start there.

The file has a JSON object per line: `{"stream": "5f1c...", "window": 3, "pass": 0, "block": 17, "offset": 261}` says
that window 3 of that stream starts with example 261 of block 17 of the first pass over the text.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from absl import logging

from bert_tf.config import ExampleConfig
from bert_tf.text.tokenizer import WordPieceTokenizer

ORIGIN = ("pass", "block", "place")
"""Features that tell where an example comes from: the pass over the text, the block in it, the place in the block."""


@dataclasses.dataclass(frozen=True)
class Position:
    """Where a window starts: its number, the pass over the text, the block in that pass, the example in that block."""

    window: int = 0
    number_of_pass: int = 0
    block: int = 0
    offset: int = 0


def stream_name(files: Sequence[str | Path], tokenizer: WordPieceTokenizer, examples: ExampleConfig, *,
                window_sizes: tuple[int, int], seed: int, held_out_threshold: int) -> str:
    """A short name for everything that decides which example stands where; positions hold for one stream only."""
    sizes = [(str(file), os.stat(file).st_size) for file in files]  # noqa: PTH116
    everything = [sizes, tokenizer.get_config(), dataclasses.asdict(examples), window_sizes, seed, held_out_threshold]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()[:16]


def noted(windows: tf.data.Dataset, path: Path, stream: str) -> tf.data.Dataset:
    """Appends the position of each window to the file at `path` as it goes by.

    Args:
        windows: `(number, examples)`; the examples have `ORIGIN`.
        path: the file; a line that is cut off by a crash does no harm.
        stream: from `stream_name`.
    """
    def note(number, *origin) -> int:
        values = dict(zip(("window", "pass", "block", "offset"), map(int, (number, *origin)), strict=True))
        with path.open("a", encoding="utf-8") as file:
            # In front: what a crash left of the line before does not run into this one.
            file.write("\n" + json.dumps({"stream": stream, **values}))
        return number

    def pass_by(number: tf.Tensor, window: dict[str, tf.Tensor]):
        first = [window[name][0] for name in ORIGIN]
        return tf.ensure_shape(tf.numpy_function(note, [number, *first], tf.int64, stateful=True), []), window

    return windows.map(pass_by, num_parallel_calls=1)


def last_position(path: Path, stream: str, window: int) -> Position:
    """The latest noted position of a stream up to `window`; the very beginning if there is none.

    A warning says so if that is not `window` itself: going on then takes longer, with the same result.
    """
    best = Position()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    for line in lines:
        try:
            values = json.loads(line or "{}")
        except json.JSONDecodeError:  # cut off by a crash
            continue
        if values.get("stream") == stream and best.window < values["window"] <= window:
            best = Position(*(values[name] for name in ("window", "pass", "block", "offset")))
    if best.window < window:
        logging.warning("%s does not tell where window %d of the examples starts; they are built again from window %d "
                        "on, which takes a while.", path, window, best.window)
    return best
