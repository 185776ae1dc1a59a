"""JSON reports that appear whole or not at all."""

import importlib.metadata
import json
import platform
from pathlib import Path


def write_json(values: dict, path: str | Path) -> None:
    """Writes indented JSON under a temporary name, then renames it."""
    path = Path(path)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("bert_tf", "tensorflow", "tensorflow-text", "keras", "numpy")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}
