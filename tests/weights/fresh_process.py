"""Python without TensorFlow, for libraries on PyTorch, whose compiler crashes beside it."""

import importlib.util
import json
import subprocess
import sys

import pytest


def needs(*packages):
    """Skips the test where a package is missing; importing it would already be too much."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def printed(code, *arguments):
    """The JSON in the last line that `code` prints; `sys.argv[1:]` are the arguments."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
