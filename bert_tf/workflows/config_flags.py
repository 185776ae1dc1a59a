"""Command-line flags made from a configuration dataclass, so that a field is described in one place."""

import dataclasses
import inspect
import re
import types
import typing
from typing import Any

from absl import flags

from bert_tf import config


def define_config_flags(config_class: type) -> None:
    """Defines a flag for each field of a dataclass; its help is the field's line under `Attributes:`.

    Flags have no defaults, so that `given_flags` knows which ones the user set; the help names the fields' defaults.
    """
    descriptions = _attribute_descriptions(config_class)
    kinds = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        help_text = descriptions[field.name] + ("" if field.default is None else f" (default: {field.default})")
        _definer(kinds[field.name])(field.name, None, help_text)


def given_flags(config_class: type) -> dict[str, Any]:
    """The fields of `config_class` that the command line sets."""
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(config_class)}
    return {name: value for name, value in values.items() if value is not None}


def _attribute_descriptions(config_class: type) -> dict[str, str]:
    section = inspect.getdoc(config_class).split("Attributes:\n")[1]
    entries = re.findall(r"^    (\w+): ((?:.|\n(?!    \w))*)", section, re.MULTILINE)
    return {name: _with_values(" ".join(text.split())) for name, text in entries}


def _with_values(description: str) -> str:
    """Writes out constants of `config`: "one of `COMPRESSIONS`" becomes "one of none, gzip"."""
    return re.sub("(?<=one of )`([A-Z_]+)`", lambda name: ", ".join(getattr(config, name[1])), description)


def _definer(kind: Any):
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    return {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool,
            str: flags.DEFINE_string}[kind]
