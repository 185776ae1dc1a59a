"""Texts in, named entities out."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.chunks import in_chunks, rows_between
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.entities import EntityFinder
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch
from bert_tf.endpoints.locating import located
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.text.pieces import kept_splits, outside_of_graphs, places_of
from bert_tf.text.question_windows import text_windows
from bert_tf.text.tokenizer import WordPieceTokenizer


class TokenTagger(Endpoint):
    """Text of any length -> entities with their places in the text, entirely in graph.

    Words are what lies between white space, punctuation and CJK ideographs; the label of a word's first piece is the
    word's (Devlin et al. 2018, section 5.3), so entities begin and end with words. A text that is too long is read in
    windows that overlap by half, and each word is labelled in the window where it has the most context.

    Args:
        model: a `BertTokenClassifier` with labels such as "O", "B-person", "I-person".
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        max_length: tokens of a window at most; by default what the model can take.

    >>> TokenTagger.load("runs/ner")(["Ann Lee lives in Paris."])
    {"start": int32 (batch, entities), "end": int32, "type": string, "text": string, "score": float32,
     "num_entities": int32 (batch,)}
    """

    model_class = BertTokenClassifier

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 max_length: int | None = None):
        super().__init__(model, tokenizer, max_length=max_length)
        default_names = tuple(f"LABEL_{index}" for index in range(len(model.labels)))
        require(tuple(model.labels) != default_names, "labels with names, such as O, B-person, I-person",
                labels=model.labels)
        self._is_suffix = outside_of_graphs(self.tokenizer.vocabulary.is_suffix)
        self._entity_finder = EntityFinder(model.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of words, as the model was trained with them."""
        return tuple(self.model.labels)

    def __call__(self, texts: Texts) -> dict[str, tf.Tensor]:
        """Finds the entities of a batch of texts.

        Args:
            texts: string `(batch,)`.

        Returns:
            `start` and `end` int32, `type` and `text` string and `score` float32, all `(batch, entities)`, in the order
            of the text: for a Python string `text[start:end]` is the entity; `score` is the mean probability of its
            words' labels. `num_entities` int32 `(batch,)`; beyond them zeros and empty strings.
        """
        return self.answer(string_batch(texts))

    def predict(self, texts: Iterable[str], batch_size: int = 32) -> list[list[dict]]:
        """As plain Python: for each text its entities as `{"start", "end", "type", "text", "score"}`."""
        return in_batches(lambda batch: self._plain(self(batch)), texts, batch_size=batch_size)

    def _plain(self, answers: dict[str, tf.Tensor]) -> Iterable[list[dict]]:
        columns = {name: tensor.numpy().tolist() for name, tensor in answers.items()}
        for row, count in enumerate(columns.pop("num_entities")):
            entities = [{name: values[row][number] for name, values in columns.items()} for number in range(count)]
            yield [entity | {name: entity[name].decode("utf-8", errors="replace") for name in ("type", "text")}
                   for entity in entities]

    @graph_method(tf.TensorSpec([None], tf.string, name="text"))
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        pieces, starts, limits = self.tokenizer.tokenize_with_offsets(text)
        row_starts = pieces.row_starts()
        is_word = ~tf.gather(self._is_suffix, pieces.values)
        # A text's first piece begins a word in any case; texts without pieces start where the next does, or at the end.
        num_pieces = tf.size(pieces.values, tf.int64)
        is_first = tf.scatter_nd(row_starts[:, tf.newaxis], tf.ones_like(row_starts), [num_pieces + 1]) > 0
        is_word |= is_first[:-1]
        labels, probabilities = self._labels(pieces, is_word)

        first_pieces = places_of(is_word)
        last_pieces = tf.concat([first_pieces[1:], num_pieces[tf.newaxis]], axis=0)[:tf.size(first_pieces)] - 1
        entities = self._entity_finder.find(
            tf.gather(labels, first_pieces), tf.gather(probabilities, first_pieces),
            kept_splits(pieces.row_splits, is_word))
        rows = tf.RaggedTensor.from_row_splits(entities.types, entities.row_splits, validate=False).value_rowids()
        places = located(text, rows, tf.gather(starts.values, tf.gather(first_pieces, entities.firsts)),
                         tf.gather(limits.values, tf.gather(last_pieces, entities.lasts)))
        columns = places | {"type": entities.types, "score": entities.scores}
        answers = {name: tf.RaggedTensor.from_row_splits(values, entities.row_splits, validate=False).to_tensor()
                   for name, values in columns.items()}
        return answers | {"num_entities": tf.cast(entities.row_splits[1:] - entities.row_splits[:-1], tf.int32)}

    def _labels(self, pieces: tf.RaggedTensor, is_word: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The likeliest label, int32 `(pieces,)`, and its probability where `is_word`; elsewhere zeros."""
        read = text_windows(pieces, stride=max((self.max_length - 2) // 2, 1), **self.packing)
        first_pieces = tf.gather(pieces.row_starts(), read.windows.rows) + read.windows.starts - read.context_at

        def labels_between(start, limit):
            probabilities = tf.nn.softmax(self.model(
                rows_between(read.features, start, limit, self.max_length), training=False)["logits"])
            places = tf.where(read.has_most_context[start:limit, :tf.shape(probabilities, tf.int64)[1]])  # (pieces, 2)
            piece = tf.gather(first_pieces, places[:, 0] + start) + places[:, 1]
            of_words = places_of(tf.gather(is_word, piece))
            probabilities = tf.gather_nd(probabilities, tf.gather(places, of_words))  # (words, labels)
            return {"piece": tf.gather(piece, of_words), "label": tf.argmax(probabilities, -1, tf.int32),
                    "probability": tf.reduce_max(probabilities, axis=-1)}

        found = in_chunks(labels_between, tf.size(read.windows.rows, tf.int64), {
            "piece": tf.TensorSpec([None], tf.int64), "label": tf.TensorSpec([None], tf.int32),
            "probability": tf.TensorSpec([None], tf.float32)})
        return tuple(tf.scatter_nd(found["piece"][:, tf.newaxis], found[name], tf.shape(is_word, tf.int64))
                     for name in ("label", "probability"))
