"""Endpoint: what all endpoints have in common."""

import os
from typing import Any, Self

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.tokenizers import tokenizer_for
from bert_tf.model_directory import load_model
from bert_tf.text.packing import BUCKETS
from bert_tf.text.tokenizer import WordPieceTokenizer


class Endpoint(tf.Module):
    """The whole way from text to answer: a model and its tokeniser in one graph function.

    A subclass has a method `answer`, a `graph_method` from string tensors with telling names to a dict of dense tensors
    with telling names: what is saved and converted. Calling the endpoint calls it with Python lists or tensors;
    `predict` gives plain Python. Each row is answered as if it were alone, whatever its neighbours are.

    Args:
        model: a `model_class`.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        max_length: tokens of a row at most, special ones included; by default what the model was
            made for.
        least_length: the smallest `max_length` that makes sense.
    """

    model_class: type[keras.Model]

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 max_length: int | None = None, least_length: int = 3):
        super().__init__()
        require(isinstance(model, self.model_class), f"a {self.model_class.__name__}", model=type(model).__name__)
        limit = model.config.max_sequence_length
        max_length = getattr(model, "max_length", limit) if max_length is None else max_length
        require(least_length <= max_length <= limit, f"`max_length` in [{least_length}, {limit}]",
                max_length=max_length)
        self.model = model
        self.tokenizer = tokenizer_for(model, tokenizer)
        self.max_length = max_length

    @classmethod
    def load(cls, directory: str | os.PathLike, **options: Any) -> Self:
        """The endpoint of a model directory; `options` as for the constructor.

        Raises:
            ValueError: there is no model, it is of another kind, or an option is out of range.
        """
        model = load_model(directory)
        require(isinstance(model, cls.model_class), f"a {cls.model_class.__name__} in {directory}",
                model=type(model).__name__)
        return cls(model, **options)

    @property
    def packing(self) -> dict[str, Any]:
        """The options of `pack`: rows are padded to the bucket that holds the longest."""
        vocabulary = self.tokenizer.vocabulary
        return {"cls_id": vocabulary.cls_id, "sep_id": vocabulary.sep_id, "pad_id": vocabulary.pad_id,
                "max_length": self.max_length, "buckets": BUCKETS}
