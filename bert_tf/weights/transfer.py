"""Moves arrays between a foreign format and our variables by a strict table: nothing is left over, on either side.

A table is a list of `Row`s, one for every variable of a model. Its left side is the path of our Keras variable
(`block_0/attention/query_key_value/kernel`), its right side the tensor or tensors that hold the same numbers elsewhere.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol
from unittest import mock

import keras
import numpy as np

from bert_tf.config import require


@dataclasses.dataclass(frozen=True)
class Row:
    """One variable of ours and the foreign tensors with its values.

    Attributes:
        target: path of our variable.
        sources: names of the foreign tensors; several are joined along the last axis of ours (query, key, value).
        shape: of each foreign tensor.
        transposed: the foreign matrix is (out, in), ours (in, out).
    """

    target: str
    sources: tuple[str, ...]
    shape: tuple[int, ...]
    transposed: bool = False

    def join(self, arrays: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """The foreign `arrays` as one array of our `shape`."""
        part_shape = (*shape[:-1], shape[-1] // len(self.sources))
        parts = [(array.T if self.transposed else array).reshape(part_shape) for array in arrays]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def split(self, array: np.ndarray) -> list[np.ndarray]:
        """The inverse of `join`: one contiguous array per foreign tensor."""
        parts = np.split(array, len(self.sources), axis=-1)
        return [np.ascontiguousarray((part.T if self.transposed else part).reshape(self.shape)) for part in parts]


class TensorSource(Protocol):
    """Named tensors somewhere outside: shapes at once, values one at a time."""

    shapes: dict[str, tuple[int, ...]]

    def read(self, name: str) -> np.ndarray:
        """The values of tensor `name`, in any float type."""

    def place_of(self, name: str) -> str:
        """The file that holds, or should hold, tensor `name`; for error messages."""


class ArraySource:
    """Tensors that are in memory already, under foreign names."""

    def __init__(self, arrays: Mapping[str, np.ndarray], place: str):
        self.shapes = {name: tuple(array.shape) for name, array in arrays.items()}
        self._arrays = arrays
        self._place = place

    def read(self, name: str) -> np.ndarray:
        """The values of tensor `name`."""
        return np.asarray(self._arrays[name])

    def place_of(self, name: str) -> str:
        """Where the arrays came from."""
        return self._place


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What a transfer did with every name on both sides.

    Attributes:
        mapped: our variable -> the foreign tensors whose values it got.
        parameters: numbers copied.
        dropped: foreign tensor -> why our model has no use for it.
        drawn_anew: our variables that the source does not hold and that therefore got new random values.
    """

    mapped: Mapping[str, tuple[str, ...]]
    parameters: int
    dropped: Mapping[str, str]
    drawn_anew: tuple[str, ...]

    @property
    def num_tensors(self) -> int:
        """Foreign tensors that were read."""
        return sum(len(sources) for sources in self.mapped.values())


@contextlib.contextmanager
def zeros_for_random_values() -> Iterator[None]:
    """Models built inside start from zeros where they would draw random numbers.

    Drawing the 110 million numbers of BERT-base takes seconds, and `read_into` overwrites all of them. Variables of one
    shape begin with the same tensor, so that the zeros take little memory.
    """
    shared: dict[tuple, Any] = {}

    def zeros(self, shape, dtype=None):
        key = (tuple(shape), dtype)
        if key not in shared:
            shared[key] = keras.ops.zeros(shape, dtype=dtype)
        return shared[key]

    with mock.patch.object(keras.initializers.TruncatedNormal, "__call__", zeros):
        yield


def variables_by_path(model: keras.Model) -> dict[str, keras.Variable]:
    """The weights of `model` by path; the path is ours, whatever the model itself is called."""
    variables = {variable.path: variable for variable in model.weights}
    require(len(variables) == len(model.weights), "every weight of the model to have a path of its own",
            weights=len(model.weights), paths=len(variables))
    return variables


def num_labels_of(model: keras.Model) -> int:
    """Outputs of the layer `classifier`; 2 if the model has none."""
    bias = variables_by_path(model).get("classifier/bias")
    return 2 if bias is None else bias.shape[0]


def read_into(model: keras.Model, table: Iterable[Row], source: TensorSource, *,
              why_dropped: Callable[[str], str | None], may_be_new: Callable[[Row], bool] = lambda row: False,
              initializer_stddev: float = 0.02) -> Transfer:
    """Assigns all of `source` to the weights of `model`, one tensor at a time, after every name and shape was checked.

    Args:
        model: its weights get the values.
        table: the format's rows; those for variables that this model lacks are ignored.
        source: the foreign tensors.
        why_dropped: the reason why the tensor of that name is not needed, or None if it is not known at all.
        may_be_new: tells which rows may be absent from the source; their matrices are drawn from a truncated normal,
            the others keep the model's initial values.
        initializer_stddev: deviation of that truncated normal.

    Returns:
        What happened to every tensor and variable.

    Raises:
        ValueError: names each tensor that is missing, unknown or of another shape, and its file. The model is
            unchanged then.
    """
    variables = variables_by_path(model)
    rows = {row.target: row for row in table if row.target in variables}
    problems = [f"variable `{path}` of the model has no counterpart in this format"
                for path in variables if path not in rows]
    rows_to_draw = [row for row in rows.values()
                    if may_be_new(row) and not any(name in source.shapes for name in row.sources)]
    rows_to_read = [row for row in rows.values() if row not in rows_to_draw]
    for row in rows_to_read:
        problems += _problems_of(row, variables[row.target], source)
    used = {name for row in rows_to_read for name in row.sources}
    dropped = {name: why_dropped(name) for name in source.shapes if name not in used}
    problems += [f"tensor `{name}` in {source.place_of(name)} is not known" for name, reason in dropped.items()
                 if reason is None]
    if problems:
        more = f" And {len(problems) - 5} more." if len(problems) > 5 else ""
        raise ValueError(f"Expected weights that fit the model. Received: {'; '.join(problems[:5])}.{more}")

    parameters = 0
    for row in rows_to_read:
        variable = variables[row.target]
        variable.assign(row.join([source.read(name) for name in row.sources], variable.shape))
        parameters += int(np.prod(variable.shape))
    for row in rows_to_draw:
        variable = variables[row.target]
        if len(variable.shape) > 1:
            variable.assign(keras.random.truncated_normal(variable.shape, stddev=initializer_stddev))
    return Transfer({row.target: row.sources for row in rows_to_read}, parameters, dropped,
                    tuple(row.target for row in rows_to_draw))


def hide_other_classifier(source: TensorSource, table: Iterable[Row]) -> None:
    """Takes a classifier of another number of labels out of `source.shapes`: it is about to be drawn anew."""
    shapes = {name: row.shape for row in table if row.target.startswith("classifier/") for name in row.sources}
    if any(source.shapes.get(name, shape) != shape for name, shape in shapes.items()):
        for name in shapes:
            source.shapes.pop(name, None)


def foreign_tensors(model: keras.Model, table: Iterable[Row], left_out: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The weights of `model` in float32, under the names and in the shapes of `table`.

    Args:
        model: whose weights to take.
        table: the target format's rows.
        left_out: beginnings of the paths of weights that are not wanted.

    Raises:
        ValueError: the table has no row for a weight of the model.
    """
    variables = {path: variable for path, variable in variables_by_path(model).items() if not path.startswith(left_out)}
    rows = {row.target: row for row in table}
    unknown = [path for path in variables if path not in rows]
    require(not unknown, "the target format to have a place for every weight of the model", without_place=unknown)
    tensors = {}
    for path, variable in variables.items():
        array = np.asarray(keras.ops.convert_to_numpy(variable), dtype="float32")
        tensors |= dict(zip(rows[path].sources, rows[path].split(array), strict=True))
    return tensors


def _problems_of(row: Row, variable: keras.Variable, source: TensorSource) -> list[str]:
    """What keeps the tensors of `row` from being assigned to `variable`, in words."""
    problems = []
    for name in row.sources:
        shape = source.shapes.get(name)
        if shape is None:
            problems.append(f"tensor `{name}` is missing from {source.place_of(name)}")
        elif tuple(shape) != row.shape:
            problems.append(f"tensor `{name}` in {source.place_of(name)} has shape {tuple(shape)}, "
                            f"the configuration asks for {row.shape}")
    if not problems and int(np.prod(row.shape)) * len(row.sources) != int(np.prod(variable.shape)):
        problems.append(f"`{row.target}` of shape {tuple(variable.shape)} cannot hold {row.sources} of {row.shape}")
    return problems
