"""The embedded default corpus: prose from the documentation of the Python installation that runs this.

Doc strings of the standard library and of the packages that bert_tf installs, and the language reference in
`pydoc_data`. Source files are parsed, never imported or run; neither TensorFlow nor the network is needed. A module is
a document, and a topic of the reference is one.
"""

import ast
import concurrent.futures
import gc
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator

from bert_tf.data.prose import prose_paragraphs
from bert_tf.data.readers import write_sentence_file

PACKAGES = (
    "PIL", "absl", "etils", "fontTools", "grpc", "h5py", "huggingface_hub", "keras", "keras_hub", "matplotlib", "numpy",
    "optree", "psutil", "pygments", "pyparsing", "requests", "rich", "safetensors", "tensorflow", "tensorflow_datasets",
    "tensorflow_text", "tokenizers", "tqdm", "urllib3")
"""What bert_tf's requirements and theirs install, as far as there is much to read in it."""

Document = list[list[str]]
"""Paragraphs, each a list of sentences."""

_TOPICS = "pydoc_data/topics.py"
_SKIPPED_FOLDERS = frozenset((
    "__pycache__", "_api", "_bundled", "_tf_keras", "_vendor", "dist-packages", "idle_test", "include", "site-packages",
    "test", "testing", "tests"))
# Modules that export other modules' names again, and the copy of Keras 2 in TensorFlow.
_SKIPPED_TREES = ("keras/api/", "keras_hub/api/", "tensorflow/python/keras/")
_SKIPPED_ENDINGS = ("_test.py", "_pb2.py", "_pb2_grpc.py")


def write_python_docs(path: str | pathlib.Path) -> dict[str, int]:
    """Writes the corpus as a sentence file, always the same one for the same installation.

    Takes seconds on all cores.

    Returns:
        Counts: `files` read; `files_skipped`, which cannot be decoded or parsed; `documents`, `paragraphs` and
        `sentences` written; `duplicate_paragraphs` left out. Documents of one sentence are left out too.
    """
    paths = find_sources()
    read = _read_in_parallel(paths)
    counts = dict(files=len(paths), files_skipped=sum(documents is None for documents in read), documents=0,
                  paragraphs=0, sentences=0, duplicate_paragraphs=0)
    documents = (document for documents in read for document in documents or [])
    write_sentence_file(_without_duplicates(documents, counts), path)
    return counts


def find_sources() -> list[pathlib.Path]:
    """The source files to read: the standard library, then `PACKAGES`; sorted within each."""
    roots = [("", pathlib.Path(sysconfig.get_paths()["stdlib"]))]
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)  # Does not import a top-level package.
        # Not its search locations, which Keras and TensorFlow extend once they are imported.
        if spec and spec.origin:
            roots.append((f"{package}/", pathlib.Path(spec.origin).parent))
    return [path for prefix, root in roots for path in _python_files(root, prefix)]


def read_source(path: str | pathlib.Path) -> list[Document] | None:
    """The documents in one source file, mostly one; None if it cannot be decoded or parsed."""
    path = pathlib.Path(path)
    is_reference = path.match(_TOPICS)
    try:
        source = path.read_bytes()
        if b'"""' not in source and b"'''" not in source and not is_reference:
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Escapes in other people's strings.
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    texts = [[text] for text in _topics(tree)] if is_reference else [_doc_strings(tree)]
    documents = [[paragraph for text in parts for paragraph in prose_paragraphs(text)] for parts in texts]
    return [document for document in documents if document]


def _python_files(root: pathlib.Path, prefix: str) -> Iterator[pathlib.Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            skipped = name.endswith(_SKIPPED_ENDINGS) or (
                prefix + path.relative_to(root).as_posix()).startswith(_SKIPPED_TREES)
            if name.endswith(".py") and not skipped:
                yield path


def _doc_strings(node: ast.AST) -> Iterator[str]:
    """Doc strings of a module and of what it defines, in the order of the source."""
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        text = ast.get_docstring(node, clean=False)
        if text:
            yield text
    for block in ("body", "orelse", "handlers", "finalbody"):
        for statement in getattr(node, block, []):
            yield from _doc_strings(statement)


def _topics(tree: ast.Module) -> list[str]:
    """The values of `topics = {name: text}`, ordered by name."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            return [text for _, text in sorted(ast.literal_eval(statement.value).items())]
    return []


def _without_duplicates(documents: Iterable[Document], counts: dict[str, int]) -> Iterator[list[str]]:
    """Flattens documents to sentences, without paragraphs that an earlier document had; adds to `counts`."""
    seen = set()
    for document in documents:
        paragraphs = [tuple(paragraph) for paragraph in document]
        new = [paragraph for paragraph in dict.fromkeys(paragraphs) if paragraph not in seen]
        seen.update(new)
        counts["duplicate_paragraphs"] += len(paragraphs) - len(new)
        sentences = [sentence for paragraph in new for sentence in paragraph]
        if len(sentences) > 1:  # One sentence has no next sentence.
            counts["documents"] += 1
            counts["paragraphs"] += len(new)
            counts["sentences"] += len(sentences)
            yield sentences


def _read_in_parallel(paths: list[pathlib.Path]) -> list[list[Document] | None]:
    """`read_source` of every path, in a Python process per core.

    Fresh interpreters instead of `multiprocessing`, which would import the caller's main module, and with it
    TensorFlow, in every process.
    """
    num_workers = os.cpu_count() or 1
    order = sorted(range(len(paths)), key=lambda index: -paths[index].stat().st_size)
    shares = [order[worker::num_workers] for worker in range(num_workers)]
    results = [None] * len(paths)
    with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
        answers = pool.map(_read_in_process, [[str(paths[index]) for index in share] for share in shares])
        for share, answer in zip(shares, answers, strict=True):
            for index, documents in zip(share, answer, strict=True):
                results[index] = documents
    return results


def _read_in_process(paths: list[str]) -> list[list[Document] | None]:
    root = str(pathlib.Path(__file__).parents[2])
    program = f"import sys; sys.path.append({root!r}); from bert_tf.data.python_docs import _answer; _answer()"
    done = subprocess.run([sys.executable, "-c", program], input=json.dumps(paths).encode(), stdout=subprocess.PIPE,
                          check=True)
    return json.loads(done.stdout)


def _answer() -> None:
    """The other end of `_read_in_process`."""
    gc.disable()  # Syntax trees have no cycles; looking for them takes a third of the time.
    json.dump([read_source(path) for path in json.load(sys.stdin)], sys.stdout)
