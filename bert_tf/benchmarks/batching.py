"""The same examples as batches of different kinds, in a file that every contestant reads.

| layout   | batches                                                                     |
|----------|-----------------------------------------------------------------------------|
| by_length| examples of like length together, as bert_tf's pipeline makes them          |
| dynamic  | examples in random order, padded to the longest of each batch               |
| fixed    | examples in random order, padded to one length for all                      |
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

Batch = dict[str, np.ndarray]

_PADDED = ("token_ids", "segment_ids", "padding_mask")
_MASKED = ("masked_positions", "masked_labels", "masked_weights")


def rows_of(batches: Sequence[Batch]) -> list[Batch]:
    """The examples of batches one by one, without padding and unused slots."""
    rows = []
    for batch in batches:
        for number in range(len(batch["token_ids"])):
            row = {name: values[number] for name, values in batch.items()}
            length = int(row["padding_mask"].sum())
            slots = int(row["masked_weights"].sum()) if "masked_weights" in row else 0
            rows.append({name: value[:length] if name in _PADDED else value[:slots] if name in _MASKED else value
                         for name, value in row.items()})
    return rows


def padded(rows: Sequence[Batch], length: int | None = None, slots: int | None = None) -> Batch:
    """One batch.

    Args:
        rows: examples, as `rows_of` gives them.
        length: tokens of a row; by default those of the longest.
        slots: positions to predict; by default those of the example that has most.
    """
    sizes = {name: length or max(len(row["token_ids"]) for row in rows) for name in _PADDED}
    if _MASKED[0] in rows[0]:
        sizes |= {name: slots or max(len(row[_MASKED[0]]) for row in rows) for name in _MASKED}
    return {name: np.stack([np.pad(row[name], (0, sizes[name] - len(row[name]))) if name in sizes else row[name]
                            for row in rows]) for name in rows[0]}


def save_layouts(by_length: Sequence[Batch], path: Path, *, length: int, seed: int) -> int:
    """Writes all layouts of these batches' examples; returns how many tokens are not padding.

    Args:
        by_length: batches of examples of like length, all of one size.
        path: an `.npz` file.
        length: tokens of a row of the layout `fixed`.
        seed: of the random order.
    """
    rows = rows_of(by_length)
    size = len(by_length[0]["token_ids"])
    order = np.random.default_rng(seed).permutation(len(rows))
    mixed = [[rows[number] for number in order[start:start + size]] for start in range(0, len(rows), size)]
    slots = max(len(row.get(_MASKED[0], ())) for row in rows)
    layouts = {"by_length": by_length, "dynamic": [padded(some) for some in mixed],
               "fixed": [padded(some, length, slots) for some in mixed]}
    np.savez(path, **{f"{layout}/{number}/{name}": values for layout, batches in layouts.items()
                      for number, batch in enumerate(batches) for name, values in batch.items()})
    return sum(len(row["token_ids"]) for row in rows)


def load_layout(path: str | Path, layout: str) -> list[Batch]:
    """The batches of one layout."""
    batches: dict[int, Batch] = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            kind, number, name = key.split("/")
            if kind == layout:
                batches.setdefault(int(number), {})[name] = arrays[key]
    return [batches[number] for number in sorted(batches)]
