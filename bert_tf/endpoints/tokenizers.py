"""The tokeniser of an endpoint."""

import keras

from bert_tf.config import require
from bert_tf.text.tokenizer import WordPieceTokenizer


def tokenizer_for(model: keras.Model, tokenizer: WordPieceTokenizer | None) -> WordPieceTokenizer:
    """`tokenizer`, or the one that `load_model` gave the model.

    Raises:
        ValueError: there is none, or it knows ids that the model's token embedding has no row for.
    """
    tokenizer = getattr(model, "tokenizer", None) if tokenizer is None else tokenizer
    require(tokenizer is not None, "a model with a tokeniser, or a `tokenizer`", tokenizer=None)
    require(len(tokenizer.vocabulary) <= model.config.vocabulary_size,
            "the tokeniser to have at most `vocabulary_size` pieces", pieces=len(tokenizer.vocabulary),
            vocabulary_size=model.config.vocabulary_size)
    return tokenizer
