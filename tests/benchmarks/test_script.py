import ast
import pathlib
import subprocess
import sys

from bert_tf.benchmarks.registry import BENCHMARKS

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "benchmark.py"


def test_names_and_explains_every_benchmark():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    (names,) = (ast.literal_eval(node.value) for node in tree.body
                if isinstance(node, ast.Assign) and node.targets[0].id == "NAMES")
    assert set(names) == set(BENCHMARKS)
    assert all(f"\n  {name} " in ast.get_docstring(tree, clean=False) for name in names)


def test_a_wrong_name_is_answered_without_work():
    done = subprocess.run([sys.executable, str(SCRIPT), "tokenise"], cwd=SCRIPT.parents[1], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1
    assert "Expected benchmarks out of tokenize, examples" in done.stdout + done.stderr
