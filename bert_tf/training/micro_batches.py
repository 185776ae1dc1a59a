"""Gradient accumulation: a batch computed in parts whose results add up, one after the other to save memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def add_up(compute: Callable[[Any], Any], data: Any, count: int) -> Any:
    """The sum of `compute` over `count` parts of the rows of `data`.

    Args:
        compute: from a part of the data, which is empty where there are more parts than rows, to a structure of
            tensors; called once for `count=1`, and else traced twice.
        data: a structure of tensors of the same number of rows, and of Nones.
        count: micro-batches, which are consecutive rows, as many in each as can be.
    """
    if count == 1:
        return compute(data)

    def part(index):
        return tf.nest.map_structure(lambda tensor: None if tensor is None else _part(tensor, index, count), data)

    def add_next(index, sums):
        return index + 1, tf.nest.map_structure(tf.add, sums, compute(part(index)))

    # The first part is not in the loop: it shows which results there are.
    return tf.while_loop(lambda index, _: index < count, add_next, (tf.constant(1), compute(part(0))),
                         parallel_iterations=1, maximum_iterations=count - 1)[1]


def _part(tensor, index, count: int):
    """Part number `index` of the rows."""
    rows = tensor.shape[0]
    if rows is None or rows % count:
        rows = tf.shape(tensor)[0]
        return tensor[rows * index // count:rows * (index + 1) // count]
    # Equal parts have a shape that is known beforehand, as XLA wants it: (rows, ...) -> (count, rows / count, ...).
    parts = tf.reshape(tensor, tf.concat([[count, rows // count], tf.shape(tensor)[1:]], 0))
    parts.set_shape([count, rows // count, *tensor.shape[1:]])
    return parts[index]
