"""TF Serving's REST format: JSON requests to tensors, tensors to JSON answers.

https://www.tensorflow.org/tfx/serving/api_rest, sections "Predict API" and "Encoding binary values".
"""

import base64
import binascii
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.server.served_model import DEFAULT_SIGNATURE, Signature


class RequestError(ValueError):
    """A request that no model could answer; its text goes to the client."""


def signature_name(request: Any, signatures: Mapping[str, Signature]) -> str:
    """The signature that a request asks for.

    Raises:
        RequestError: the request is no JSON object or names an unknown signature.
    """
    if not isinstance(request, dict):
        raise RequestError(f"Expected a JSON object. Received: {type(request).__name__}.")
    name = request.get("signature_name", DEFAULT_SIGNATURE)
    if name == "":
        name = DEFAULT_SIGNATURE
    if not isinstance(name, str) or name not in signatures:
        known = ", ".join(sorted(signatures))
        raise RequestError(f"Expected `signature_name` to be one of {known}. Received: {name!r}.")
    return name


def tensors_of(request: Mapping[str, Any], signature: Signature) -> tuple[dict[str, tf.Tensor], bool]:
    """The named tensors of a request, and whether they came by rows (`instances`) rather than columns (`inputs`).

    ```
    {"instances": ["a", "b"]}               one input: its values
    {"instances": [{"text": "a"}, ...]}     rows of named values
    {"inputs": {"text": ["a", "b"]}}        columns
    ```

    Raises:
        RequestError: what is wrong, with the name of the input.
    """
    by_rows = "instances" in request
    if by_rows == ("inputs" in request):
        raise RequestError("Expected either `instances` (rows) or `inputs` (columns). "
                         f"Received: {', '.join(sorted(request)) or 'neither'}.")
    columns = _columns_of_rows(request["instances"], signature) if by_rows else _columns(request["inputs"], signature)
    missing = sorted(set(signature.inputs) - set(columns))
    unknown = sorted(set(columns) - set(signature.inputs))
    if missing or unknown:
        raise RequestError(f"Expected the inputs {', '.join(sorted(signature.inputs))}. "
                         f"Received: {', '.join(sorted(columns)) or 'none'}.")
    tensors = {name: _tensor(name, values, signature.inputs[name]) for name, values in columns.items()}
    sizes = {name: tensor.shape[0] for name, tensor in tensors.items() if tensor.shape.rank}
    if len(set(sizes.values())) > 1:
        raise RequestError(f"Expected as many values for every input. Received: {sizes}.")
    return tensors, by_rows


def body_of(outputs: Mapping[str, np.ndarray], by_rows: bool) -> dict[str, Any]:
    """The answer as TF Serving gives it: `predictions` by rows, `outputs` by columns; one output has no name."""
    columns = {name: _json_values(name, value) for name, value in outputs.items()}
    single = next(iter(columns.values())) if len(columns) == 1 else None
    if not by_rows:
        return {"outputs": single if single is not None else columns}
    if single is not None:
        return {"predictions": single}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _columns_of_rows(rows: Any, signature: Signature) -> dict[str, list]:
    if not isinstance(rows, list) or not rows:
        raise RequestError("Expected `instances` to be a list with at least one row. "
                         f"Received: {'an empty list' if rows == [] else type(rows).__name__}.")
    named = [isinstance(row, dict) and not _is_bytes(row) for row in rows]
    if not any(named):
        if len(signature.inputs) > 1:
            raise RequestError(f"Expected rows with the names {', '.join(sorted(signature.inputs))}. "
                             "Received: values without names.")
        return {next(iter(signature.inputs)): rows}
    names = sorted(rows[named.index(True)])
    for number, row in enumerate(rows):
        if not named[number] or sorted(row) != names:
            raise RequestError(f"Expected all rows to have the names {', '.join(names)}. "
                             f"Received: another form in row {number}.")
    return {name: [row[name] for row in rows] for name in names}


def _columns(columns: Any, signature: Signature) -> dict[str, Any]:
    if isinstance(columns, dict) and not _is_bytes(columns):
        return columns
    if len(signature.inputs) > 1:
        raise RequestError(f"Expected `inputs` with the names {', '.join(sorted(signature.inputs))}. "
                         "Received: values without names.")
    return {next(iter(signature.inputs)): columns}


def _tensor(name: str, values: Any, spec: tf.TensorSpec) -> tf.Tensor:
    try:
        tensor = tf.constant(_strings(values) if spec.dtype == tf.string else _numbers(values, spec), spec.dtype)
    except (TypeError, ValueError, binascii.Error, OverflowError, RecursionError):
        raise RequestError(f"Expected `{name}` to hold {spec.dtype.name} values, as many in every row. "
                         f"Received: {reprlib.repr(values)}.") from None
    if not spec.shape.is_compatible_with(tensor.shape):
        raise RequestError(f"Expected `{name}` of shape {_shape(spec.shape)}. Received: {_shape(tensor.shape)}.")
    return tensor


def _strings(values: Any) -> Any:
    if isinstance(values, list):
        return [_strings(value) for value in values]
    if isinstance(values, str):
        # A lone surrogate is legal JSON, but no text.
        return values.encode("utf-8", errors="replace")
    if _is_bytes(values):
        return base64.b64decode(values["b64"], validate=True)
    raise TypeError("no string")


def _numbers(values: Any, spec: tf.TensorSpec) -> np.ndarray:
    numbers = np.asarray(values)
    if numbers.dtype.kind not in ("iuf" if spec.dtype.is_floating else "iu"):
        raise TypeError("not such numbers")
    lowest, highest = spec.dtype.min, spec.dtype.max
    if spec.dtype.is_integer and numbers.size and not lowest <= numbers.min() <= numbers.max() <= highest:
        raise OverflowError("too large a number")
    return numbers


def _is_bytes(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"}


def _shape(shape: tf.TensorShape) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def _json_values(name: str, values: np.ndarray) -> Any:
    if values.dtype != object:
        return values.tolist()
    if name.endswith("_bytes"):
        return _each(values.tolist(), lambda value: {"b64": base64.b64encode(value).decode()})
    return _each(values.tolist(), lambda value: value.decode("utf-8", errors="replace"))


def _each(values: Any, change) -> Any:
    return [_each(value, change) for value in values] if isinstance(values, list) else change(values)
