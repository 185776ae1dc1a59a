"""Vectors of some positions of each sequence."""

from keras import ops


def take_positions(vectors, positions):
    """The vectors at some positions; `(batch, n, hidden)`.

    Args:
        vectors: float `(batch, seq, hidden)`.
        positions: int `(batch, n)` in [0, seq), or a number n: the first ones.
    """
    if isinstance(positions, int):
        return vectors[:, :positions]
    batch, seq, hidden_dim = ops.shape(vectors)
    row_of_sequence = ops.arange(batch, dtype="int32") * seq
    rows = ops.cast(positions, "int32") + row_of_sequence[:, None]
    taken = ops.take(ops.reshape(vectors, (-1, hidden_dim)), ops.reshape(rows, (-1,)), axis=0)
    return ops.reshape(taken, (-1, ops.shape(positions)[1], hidden_dim))


def num_positions(positions, seq: int | None) -> int | None:
    """How many vectors `take_positions` would take, as far as it is known; `seq` for `positions=None`."""
    if positions is None:
        return seq
    if isinstance(positions, int):
        return positions if seq is None else min(positions, seq)
    return positions.shape[1]
