"""Texts in, vectors out."""

import os
from collections.abc import Iterable
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch
from bert_tf.model_directory import load_model
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.text.packing import pack
from bert_tf.text.tokenizer import WordPieceTokenizer


class SentenceEmbedder(Endpoint):
    """Text -> one vector, entirely in graph: tokenise, pack, encode, pool.

    Args:
        model: a `BertSentenceEmbedder`.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        max_length: tokens of a text at most, longer ones are cut; by default the model's own `max_length`.

    >>> embedder = SentenceEmbedder.load("sentence-transformers/all-MiniLM-L6-v2")
    >>> embedder(["a cat", "a kitten"]).shape
    TensorShape([2, 384])
    """

    model_class = BertSentenceEmbedder

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 max_length: int | None = None):
        super().__init__(model, tokenizer, max_length=max_length, least_length=2)

    @classmethod
    def load(cls, directory: str | os.PathLike, **options: Any) -> Self:
        """The endpoint of any model directory; one that is no sentence-transformers folder is pooled by the mean.

        `options` as for the constructor.
        """
        return cls(load_model(directory, BertSentenceEmbedder), **options)

    def __call__(self, texts: Texts) -> tf.Tensor:
        """Embeds a batch of texts.

        Args:
            texts: string `(batch,)`.

        Returns:
            float32 `(batch, hidden)`.
        """
        return self.answer(string_batch(texts))["embedding"]

    def predict(self, texts: Iterable[str], batch_size: int = 32) -> np.ndarray:
        """Embeds any number of texts; float32 `(texts, hidden)`."""
        embeddings = in_batches(lambda batch: self(batch).numpy(), texts, batch_size=batch_size)
        return np.array(embeddings, np.float32).reshape(len(embeddings), self.model.config.hidden_dim)

    @graph_method(tf.TensorSpec([None], tf.string, name="text"))
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        features = pack(self.tokenizer.tokenize(text), **self.packing)
        return {"embedding": self.model(features, training=False)["embedding"]}
