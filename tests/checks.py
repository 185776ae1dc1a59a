"""Contracts and helpers that several test files share."""

import os
import pathlib

import pytest

_PROJECT_ROOT = pathlib.Path(__file__).resolve().parent.parent


def data_file(*parts: str) -> pathlib.Path:
    """The path `parts` below the folder of real data; skips the calling test where it is absent.

    The folder is named by the environment variable `BERT_TF_TEST_DATA`; by default it is `../shared/data`, seen from
    the project's root.
    """
    folder = os.environ.get("BERT_TF_TEST_DATA") or _PROJECT_ROOT.parent / "shared" / "data"
    path = pathlib.Path(folder, *parts)
    if not path.exists():
        pytest.skip(f"no real data at {path}; name its folder in BERT_TF_TEST_DATA")
    return path
