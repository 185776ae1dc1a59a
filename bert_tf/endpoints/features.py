"""Texts in, the encoder's own vectors out: BERT as a feature extractor."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch
from bert_tf.layers.sentence_pooling import POOLINGS, SentencePooling
from bert_tf.model_directory import load_model
from bert_tf.models.encoder import BertEncoder
from bert_tf.text.characters import Characters
from bert_tf.text.packing import pack
from bert_tf.text.pieces import outside_of_graphs
from bert_tf.text.tokenizer import WordPieceTokenizer

COMBINATIONS = ("concatenate", "sum")


class FeatureExtractor(Endpoint):
    """Text -> the hidden states of some layers, per token or per text, entirely in graph.

    The features of the paper's section 5.3, where the last four layers concatenated served named entities best.

    Args:
        model: a `BertEncoder` that returns hidden states.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        layers: which hidden states: 0 are the embeddings, 1 to `num_layers` the blocks; -1 is the last one.
        combination: "concatenate" or "sum" them, in the order of `layers`.
        pooling: None for a vector per token; "mean", "cls" or "max" for one per text.
        max_length: tokens of a text at most, longer ones are cut; by default what the model can take.

    >>> FeatureExtractor.load("runs/wiki", layers=[-4, -3, -2, -1])(["a cat"])
    {"features": float32 (batch, tokens, 4 x hidden), "token": string (batch, tokens), "start": int32, "end": int32,
     "num_tokens": int32 (batch,)}
    """

    model_class = BertEncoder

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 layers: Sequence[int] = (-1,), combination: str = "concatenate", pooling: str | None = None,
                 max_length: int | None = None):
        super().__init__(model, tokenizer, max_length=max_length, least_length=2)
        require(model.return_hidden_states, "an encoder made with `return_hidden_states=True`",
                return_hidden_states=model.return_hidden_states)
        depth = model.config.num_layers
        require(len(layers) > 0 and all(-depth - 1 <= layer <= depth for layer in layers),
                f"`layers` to be some of {-depth - 1} to {depth}", layers=layers)
        require(combination in COMBINATIONS, f"`combination` to be one of {', '.join(COMBINATIONS)}",
                combination=combination)
        require(pooling is None or pooling in POOLINGS, f"`pooling` to be None or one of {', '.join(POOLINGS)}",
                pooling=pooling)
        self.layers, self.combination, self.pooling = tuple(layers), combination, pooling
        self._pool = None if pooling is None else SentencePooling(pooling)
        self._pieces = outside_of_graphs(list(self.tokenizer.vocabulary.pieces))

    @classmethod
    def load(cls, directory: str | os.PathLike, **options: Any) -> Self:
        """The endpoint of any model directory, whatever its head; `options` as for the constructor."""
        return cls(load_model(directory, BertEncoder, return_hidden_states=True), **options)

    def __call__(self, texts: Texts) -> dict[str, tf.Tensor]:
        """Extracts the features of a batch of texts.

        Args:
            texts: string `(batch,)`.

        Returns:
            With `pooling`: `features`, float32 `(batch, width)`. Without: `features`, float32 `(batch, tokens, width)`,
            `token` string `(batch, tokens)`, `start` and `end`, int32 `(batch, tokens)`, the characters of the text
            that a token was made of, and `num_tokens` int32 `(batch,)`. [CLS] and [SEP] are tokens without characters;
            beyond `num_tokens` there are zeros and empty strings.
        """
        return self.answer(string_batch(texts))

    def predict(self, texts: Iterable[str], batch_size: int = 32) -> list[dict]:
        """As plain Python and NumPy: for each text `{"features": array}` and, without pooling, its tokens.

        These are `tokens`, `[{"token", "start", "end"}, ...]`, one for each row of `features`.
        """
        return in_batches(lambda batch: self._plain(self(batch)), texts, batch_size=batch_size)

    def _plain(self, answers: dict[str, tf.Tensor]) -> Iterable[dict]:
        columns = {name: tensor.numpy() for name, tensor in answers.items()}
        for row, features in enumerate(columns["features"]):
            if self.pooling is not None:
                yield {"features": features}
                continue
            count = columns["num_tokens"][row]
            tokens = zip(*(columns[name][row, :count].tolist() for name in ("token", "start", "end")), strict=True)
            yield {"features": features[:count], "tokens": [
                {"token": token.decode(), "start": start, "end": end} for token, start, end in tokens]}

    @graph_method(tf.TensorSpec([None], tf.string, name="text"))
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        pieces, starts, limits = self.tokenizer.tokenize_with_offsets(text)
        inputs = pack(pieces, **self.packing)
        states = self.model(inputs, training=False)["hidden_states"]
        chosen = [tf.cast(states[layer], tf.float32) for layer in self.layers]
        features = tf.concat(chosen, axis=-1) if self.combination == "concatenate" else tf.add_n(chosen)
        if self._pool is not None:
            return {"features": self._pool(features, inputs["padding_mask"])}
        mask = inputs["padding_mask"]
        return {
            "features": features * tf.cast(mask, tf.float32)[:, :, tf.newaxis],
            "token": tf.where(mask > 0, tf.gather(self._pieces, inputs["token_ids"]), ""),
            "num_tokens": tf.reduce_sum(mask, axis=1),
        } | _places(text, starts, limits, mask)


def _places(text: tf.Tensor, starts: tf.RaggedTensor, limits: tf.RaggedTensor,
            mask: tf.Tensor) -> dict[str, tf.Tensor]:
    """`start` and `end`, int32 `(batch, seq)`, of the tokens between [CLS] and [SEP]; 0 elsewhere."""
    batch, seq = tf.shape(mask, tf.int64)[0], tf.shape(mask, tf.int64)[1]
    offset = tf.range(seq)[tf.newaxis] - 1  # behind [CLS]
    is_piece = (offset >= 0) & (offset < tf.reduce_sum(tf.cast(mask, tf.int64), axis=1, keepdims=True) - 2)
    index = tf.where(is_piece, starts.row_starts()[:, tf.newaxis] + offset, starts.row_splits[-1])
    rows = tf.broadcast_to(tf.range(batch)[:, tf.newaxis], [batch, seq])
    characters = Characters(text)
    # One offset more, 0, for tokens that are no pieces.
    return {name: tf.cast(characters.from_bytes(rows, tf.gather(tf.concat([offsets.values, [0]], axis=0), index)),
                          tf.int32)
            for name, offsets in (("start", starts), ("end", limits))}
