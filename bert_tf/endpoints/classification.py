"""Texts or pairs of texts in, labels or values out."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch
from bert_tf.models.classifier import BertClassifier
from bert_tf.text.packing import pack
from bert_tf.text.pieces import outside_of_graphs
from bert_tf.text.tokenizer import WordPieceTokenizer

_TEXT = tf.TensorSpec([None], tf.string, name="text")
_SECOND_TEXT = tf.TensorSpec([None], tf.string, name="second_text")


class Classifier(Endpoint):
    """Text or pair of texts -> label with probabilities, or a number, entirely in graph.

    Texts beyond `max_length` tokens are cut at the back; of a pair the longer text first.

    Args:
        model: a `BertClassifier`.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        max_length: tokens of a row at most; by default what the model can take.

    >>> Classifier.load("runs/sst2")(["a joy to watch"])
    {"label": string (batch,), "labels": string (batch, labels), "probabilities": float32 (batch, labels)}
    """

    model_class = BertClassifier

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 max_length: int | None = None):
        super().__init__(model, tokenizer, max_length=max_length)
        self._label_names = outside_of_graphs(list(model.labels))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the probabilities; of a regression the names of the values."""
        return tuple(self.model.labels)

    def __call__(self, texts: Texts, second_texts: Texts | None = None) -> dict[str, tf.Tensor]:
        """Answers a batch.

        Args:
            texts: string `(batch,)`.
            second_texts: string `(batch,)`, for a model of pairs.

        Returns:
            As `problem_type` of the model says:
            "single_label": `label` string `(batch,)`, the likeliest, and `probabilities` float32 `(batch, labels)`,
            which add up to 1, those of `labels`, string `(batch, labels)`.
            "multi_label": `probabilities` and `labels` likewise, each probability for itself; `label` string
            `(batch, labels)`, those above one half, likeliest first, then empty strings; `num_labels` int32 `(batch,)`.
            "regression": `value` float32 `(batch, labels)`.
        """
        texts = string_batch(texts)
        return self.answer(texts) if second_texts is None else self.answer_pair(
            texts, string_batch(second_texts, "second_text"))

    def predict(self, texts: Iterable[str], second_texts: Iterable[str] | None = None,
                batch_size: int = 32) -> list[dict]:
        """As plain Python, for any number of texts.

        Returns:
            For each text `{"label": ..., "probabilities": {label: ...}}`; with several labels a list of them under
            `labels` instead; for a regression `{"value": ...}`, or a list of values.
        """
        columns = (texts,) if second_texts is None else (texts, second_texts)
        return in_batches(lambda *batch: self._plain(self(*batch)), *columns, batch_size=batch_size)

    def _plain(self, answers: dict[str, tf.Tensor]) -> Iterable[dict]:
        if "value" in answers:
            for values in answers["value"].numpy().tolist():
                yield {"value": values[0] if len(values) == 1 else values}
            return
        for label, probabilities in zip(answers["label"].numpy(), answers["probabilities"].numpy(), strict=True):
            several = not isinstance(label, bytes)
            named = {"labels": [one.decode() for one in label if one]} if several else {"label": label.decode()}
            yield named | {"probabilities": dict(zip(self.labels, probabilities.tolist(), strict=True))}

    @graph_method(_TEXT)
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        return self._decode(pack(self.tokenizer.tokenize(text), **self.packing))

    @graph_method(_TEXT, _SECOND_TEXT)
    def answer_pair(self, text: tf.Tensor, second_text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        return self._decode(pack(self.tokenizer.tokenize(text), self.tokenizer.tokenize(second_text), **self.packing))

    def _decode(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logits = self.model(features, training=False)["logits"]
        if self.model.problem_type == "regression":
            return {"value": logits}
        # With every row, so that an answer explains itself to whoever has nothing but the answer.
        labels = tf.broadcast_to(self._label_names, tf.shape(logits))
        if self.model.problem_type == "single_label":
            return {"label": tf.gather(self._label_names, tf.argmax(logits, axis=-1)), "labels": labels,
                    "probabilities": tf.nn.softmax(logits)}
        probabilities = tf.sigmoid(logits)
        values, order = tf.math.top_k(probabilities, len(self.labels))
        holds = values > 0.5
        return {"label": tf.where(holds, tf.gather(self._label_names, order), ""), "labels": labels,
                "probabilities": probabilities,
                "num_labels": tf.reduce_sum(tf.cast(holds, tf.int32), axis=-1)}
