"""Models for a vocabulary that has grown."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from bert_tf.text.new_pieces import split_by, with_new_pieces


def extend_vocabulary(model: keras.Model, pieces: Sequence[str]) -> keras.Model:
    """A copy of `model` with further pieces, as far as possible one that answers as before.

    A new piece starts with the mean of the embeddings of the pieces that it was split into before, and with the mean of
    their biases in the masked-LM head. Rows that the table held in reserve behind the vocabulary are used first.

    Args:
        model: one of bert_tf's, with its `tokenizer`.
        pieces: from `new_pieces.read_new_pieces`.

    Returns:
        The copy; its `tokenizer` knows the pieces, and it keeps the foreign configuration.
    """
    vocabulary = model.tokenizer.vocabulary
    tokenizer = with_new_pieces(model.tokenizer, pieces)
    size = max(model.config.vocabulary_size, len(tokenizer.vocabulary))
    config = dataclasses.replace(model.config, vocabulary_size=size)
    extended = type(model)(**model.get_config() | {"config": config})
    extended.tokenizer, extended.kept_config = tokenizer, getattr(model, "kept_config", {})
    parts = [split_by(vocabulary, piece) for piece in pieces]
    for new, old in zip(extended.trainable_variables, model.trainable_variables, strict=True):
        values = old.numpy()
        if _counts_pieces(old, model):
            values = _extended_rows(values, parts, len(vocabulary), size)
        new.assign(values)
    return extended


def _counts_pieces(variable: keras.Variable, model: keras.Model) -> bool:
    tables = [model.encoder.token_embedding.trainable_variables[0]]
    head = getattr(model, "masked_lm_head", None)
    if head is not None:
        tables.append(head.bias)
    return any(variable is table for table in tables)


def _extended_rows(rows: np.ndarray, parts: list[list[int]], known: int, size: int) -> np.ndarray:
    """`rows` `(vocabulary, ...)` with those of the new pieces behind the `known` ones, `size` in all."""
    extended = np.concatenate([rows, np.zeros((size - len(rows), *rows.shape[1:]), rows.dtype)])
    for number, ids in enumerate(parts, start=known):
        extended[number] = rows[ids].mean(axis=0)
    return extended
