"""Who may import whom, read from the source files."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "bert_tf"

ALLOWED = {
    "config": set(),
    "files": set(),
    "features": {"config"},
    "layers": set(),
    "text": {"files", "config", "features"},
    "objectives": {"config", "features"},
    "data": {"files", "config", "features", "text"},
    "evaluation": {"config"},
    "models": {"config", "features", "layers", "objectives"},
    "weights": {"files", "config", "features", "text", "models"},
    "training": {"files", "config", "layers", "models", "objectives"},
    # It gives out models that train under every strategy, hence `training`.
    "model_directory": {"files", "config", "text", "models", "weights", "training"},
    "endpoints": {"config", "layers", "features", "text", "models", "model_directory"},
    "export": {"config", "features", "text", "layers", "models", "endpoints"},
    "reports": {"files", "config", "endpoints"},
    "server": {"config"},
    "workflows": None,
    "benchmarks": None,
    # The lazy public names; it sees everything.
    "__init__": None,
}
"""Part of the package -> the other parts it may import; None for all."""


def part_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "bert_tf":
                yield from (f"bert_tf.{name.name}" for name in node.names)


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_go_to_earlier_parts_only(part):
    if ALLOWED[part] is None:
        return
    for path in PACKAGE.rglob("*.py"):
        if part_of(path) != part:
            continue
        parts = {module.split(".")[1] for module in imported_modules(path) if module.startswith("bert_tf.")}
        assert parts <= ALLOWED[part] | {part}, f"{path} imports {parts - ALLOWED[part] - {part}}"


def test_every_part_has_its_line():
    assert {part_of(path) for path in PACKAGE.rglob("*.py")} == set(ALLOWED)


def test_layers_models_and_objectives_do_not_import_tensorflow():
    for part in ("layers", "models", "objectives"):
        for path in (PACKAGE / part).rglob("*.py"):
            if path.stem.endswith("_tensorflow"):  # which is imported inside functions, where Keras runs on it
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert not any(module.split(".")[0] == "tensorflow" for module in imported_modules(path)), path
            if path.stem.endswith("_jax"):  # likewise; such files import each other
                continue
            at_the_top = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
            assert not any(module.endswith(("_tensorflow", "_jax")) for module in at_the_top), path


def test_importing_bert_tf_imports_no_framework():
    code = "import sys, bert_tf; print([m for m in ('tensorflow', 'keras', 'numpy', 'keras_hub') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_public_names_exist():
    import bert_tf

    for name in bert_tf.__all__:
        assert getattr(bert_tf, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Bert'"):
        bert_tf.Bert  # noqa: B018
