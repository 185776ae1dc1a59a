import subprocess
import sys

import pytest

from bert_tf.data import python_docs
from bert_tf.data.python_docs import find_sources, read_source, write_python_docs

MODULE = '''"""About this module."""
import missing_module
raise SystemExit("This file must not be run.")

class First:
    """It comes before the method."""

    def method(self):
        """The method comes next. It has two sentences."""

if True:
    def second():
        r"""Functions may be conditional."""

try:
    async def third():
        """So may be coroutines here."""
finally:
    """This is not a doc string."""
'''


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_reads_doc_strings_in_order(tmp_path):
    assert read_source(write(tmp_path / "a.py", MODULE)) == [[
        ["About this module."], ["It comes before the method."], ["The method comes next.", "It has two sentences."],
        ["Functions may be conditional."], ["So may be coroutines here."]]]


def test_reads_the_language_reference(tmp_path):
    text = "topics = {'while': 'The \"while\" statement\\n***\\n\\nIt loops for ever.\\n', 'if': 'It is an if.'}"
    assert read_source(write(tmp_path / "pydoc_data/topics.py", text)) == [[["It is an if."]], [["It loops for ever."]]]


@pytest.mark.parametrize("content, expected", [
    (b"x = 1  # no strings", []), (b'"""Not a\\d escape."""', []), (b'"""Unclosed', None), (b'"""N\0ul here."""', None),
    (b'"""Bad byte \xff here."""', None), (b'# coding: nonsense\n"""Fine text here."""', None)])
def test_files_that_are_not_python_are_none(tmp_path, content, expected):
    assert read_source(write(tmp_path / "a.py", content)) == expected


def test_writes_documents_without_duplicates(tmp_path, monkeypatch):
    sources = [
        write(tmp_path / "a.py", '"""This is first. It is good.\n\nThis is shared."""'),
        write(tmp_path / "b.py", '"""This is shared.\n\nThis is second.\n\nThis is second.\n\nThis is third."""'),
        write(tmp_path / "c.py", '"""This is lonely."""'),
        write(tmp_path / "d.py", '"""Broken'),
        write(tmp_path / "e.py", "x = 1")]
    monkeypatch.setattr(python_docs, "find_sources", lambda: sources)
    counts = write_python_docs(tmp_path / "docs.txt")
    assert (tmp_path / "docs.txt").read_text() == (
        "This is first.\nIt is good.\nThis is shared.\n\nThis is second.\nThis is third.\n\n")
    assert counts == dict(files=5, files_skipped=1, documents=2, paragraphs=4, sentences=5, duplicate_paragraphs=2)


def test_finds_sources_of_this_installation():
    import keras  # noqa: F401  (Imported or not, the sources must be the same; Keras extends its own path.)
    import tensorflow  # noqa: F401

    names = [path.as_posix() for path in find_sources()]
    assert len(names) == len(set(names))
    for ending in ("/argparse.py", "/pydoc_data/topics.py", "/keras/src/models/model.py", "/numpy/__init__.py"):
        assert any(name.endswith(ending) for name in names)
    for part in ("/tests/", "/test/", "tensorflow/_api/", "keras/api/", "tensorflow/python/keras/", "_pb2.py"):
        assert not any(part in name.partition("site-packages")[2] or name.endswith(part) for name in names)


def test_the_standard_library_reads_as_prose():
    path = next(path for path in find_sources() if path.name == "textwrap.py")
    sentences = [sentence for paragraph in read_source(path)[0] for sentence in paragraph]
    assert "Text wrapping and filling." in sentences
    assert len(sentences) > 15


def test_needs_no_tensorflow():
    program = ("import sys; from bert_tf.data import python_docs; python_docs.find_sources();"
               "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", program], check=True)
