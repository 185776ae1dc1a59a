"""Two functions for each library: one imports its framework, the other what a user needs."""

import importlib
from collections.abc import Callable

Imports = tuple[Callable[[], None], Callable[[], None]]


def load_model(job: dict) -> Imports:
    """What opens a model."""
    del job
    return _imports("tensorflow", "bert_tf", ("load_model",))


def all_names(job: dict) -> Imports:
    """`from bert_tf import *`."""
    del job
    return _imports("tensorflow", "bert_tf", importlib.import_module("bert_tf").__all__)


def transformers(job: dict) -> Imports:
    """Model and tokeniser."""
    del job
    return _imports("torch", "transformers", ("BertModel", "AutoTokenizer"))


def keras_hub(job: dict) -> Imports:
    """Model and tokeniser."""
    del job
    return _imports("tensorflow", "keras_hub.models", ("BertBackbone", "BertTokenizer"))


def _imports(framework: str, library: str, names) -> Imports:
    def import_names() -> None:
        module = importlib.import_module(library)
        for name in names:
            getattr(module, name)
    return lambda: importlib.import_module(framework), import_names
