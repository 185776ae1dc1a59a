"""Errors that name what was expected and what was received; strict JSON."""

import dataclasses
import difflib
import json
import pathlib
import types
import typing
from collections.abc import Mapping
from typing import Any

_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a string", types.NoneType: "null"}
"""What the types of fields are called in JSON."""


def require(condition: bool, expectation: str, **received: Any) -> None:
    """Raises `ValueError("Expected ... Received: name=value.")` unless `condition` holds."""
    if not condition:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"Expected {expectation}. Received: {values}.")


def from_mapping(cls: type, values: Mapping[str, Any], source: str = "configuration"):
    """Builds the dataclass `cls` from JSON; its fields are numbers, strings, truth values, or None.

    Raises:
        ValueError: an unknown key or a value of another type; the error names it, its source and, for a key, the
            nearest known one.
    """
    known = [field.name for field in dataclasses.fields(cls)]
    kinds = typing.get_type_hints(cls)
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" Known keys: {', '.join(known)}."
            raise ValueError(f"Unknown key `{key}` in {source}.{hint}")
        allowed = typing.get_args(kinds[key]) or (kinds[key],)
        require(_fits(value, allowed), f"`{key}` in {source} to be {' or '.join(_KINDS[kind] for kind in allowed)}",
                **{key: value})
    return cls(**values)


def _fits(value: Any, allowed: tuple[type, ...]) -> bool:
    """Whether a value has one of these types; whole numbers are numbers, and truth values are none."""
    if isinstance(value, bool):
        return bool in allowed
    return isinstance(value, allowed) or (float in allowed and isinstance(value, int))


def read_json(path: str | pathlib.Path) -> dict[str, Any]:
    """Reads a JSON object from a UTF-8 file; every error names the file."""
    path = pathlib.Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"Expected a JSON file at {path}. Received: no such file.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"Expected JSON in {path}. Received: {error}.") from None
    require(isinstance(values, dict), f"a JSON object in {path}", type=type(values).__name__)
    return values
