"""A question and a context in, the best answers out."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.answers import answers_of
from bert_tf.endpoints.chunks import in_chunks, rows_between
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch
from bert_tf.endpoints.spans import WindowSpans, spans_of_texts, spans_of_windows
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.text.question_windows import QuestionWindows, question_windows
from bert_tf.text.tokenizer import WordPieceTokenizer


class QuestionAnswerer(Endpoint):
    """Question and context of any length -> the best answers with their places in the context, entirely in graph.

    A context that is too long is read in overlapping windows. An answer's `score` is its probability among all spans
    of all windows that are short enough: exp(start logit + end logit), divided by the sum of it over all of them, and,
    if no answer is possible, over no answer as well (`endpoints/spans.py`).

    Args:
        model: a `BertSpanPredictor`.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        top_k: answers per question.
        max_answer_length: word pieces of an answer at most.
        max_length: tokens of a window at most, question included; by default 384, or what the model can take.
        stride: word pieces from the start of a window to the start of the next.
        max_question_length: word pieces of the question that are read.
        handle_impossible: a question may have no answer (SQuAD 2.0): an empty string is the first answer where no
            answer scores better than the best by more than `null_threshold`. By default, if there is a threshold.
        null_threshold: by default `null_threshold` of the model's `config.json`, or 0.

    >>> QuestionAnswerer.load("runs/squad")(["Who wrote it?"], ["It was written by Ann Lee in 1901."])
    {"answer": string (batch, top_k), "start": int32, "end": int32, "score": float32,
     "null_odds": float32 (batch,), "is_impossible": bool (batch,)}
    """

    model_class = BertSpanPredictor

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *, top_k: int = 3,
                 max_answer_length: int = 30, max_length: int | None = None, stride: int = 128,
                 max_question_length: int = 64, handle_impossible: bool | None = None,
                 null_threshold: float | None = None):
        if max_length is None and isinstance(model, BertSpanPredictor):
            max_length = min(384, model.config.max_sequence_length)
        super().__init__(model, tokenizer, max_length=max_length, least_length=4)
        for name, value in (("top_k", top_k), ("max_answer_length", max_answer_length), ("stride", stride)):
            require(value >= 1, f"`{name}` >= 1", **{name: value})
        require(max_question_length >= 0, "`max_question_length` >= 0", max_question_length=max_question_length)
        trained = getattr(model, "kept_config", {}).get("null_threshold")
        self.top_k = top_k
        self.max_answer_length = min(max_answer_length, self.max_length)
        self.stride, self.max_question_length = stride, max_question_length
        threshold = trained if null_threshold is None else null_threshold
        self.handle_impossible = threshold is not None if handle_impossible is None else handle_impossible
        self.null_threshold = float(threshold or 0.0)

    def __call__(self, questions: Texts, contexts: Texts) -> dict[str, tf.Tensor]:
        """Answers a batch.

        Args:
            questions: string `(batch,)`.
            contexts: string `(batch,)`.

        Returns:
            `answer` string, `start` and `end` int32 and `score` float32, all `(batch, top_k)`, best first: for a Python
            string `context[start:end] == answer`. Beyond the answers that there are: empty strings and zeros.
            `null_odds`, float32 `(batch,)`: the score of no answer (start logit + end logit of [CLS], the least of all
            windows) - the score of the best answer, 1e9 if there is none.
            `is_impossible`, bool `(batch,)`: there is no answer; then the first one is an empty string with the
            probability of that as its score.
        """
        return self.answer(string_batch(questions, "question"), string_batch(contexts, "context"))

    def predict(self, questions: Iterable[str], contexts: Iterable[str], batch_size: int = 8) -> list[dict]:
        """As plain Python, for any number of questions.

        Returns:
            For each `{"answer", "start", "end", "score", "null_odds", "is_impossible", "alternatives"}`, the last being
            the other answers, each with `answer`, `start`, `end` and `score`.
        """
        return in_batches(lambda *batch: self._plain(self(*batch)), questions, contexts, batch_size=batch_size)

    def _plain(self, answers: dict[str, tf.Tensor]) -> Iterable[dict]:
        columns = {name: tensor.numpy().tolist() for name, tensor in answers.items()}
        for row in range(len(columns["answer"])):
            found = [
                {"answer": answer.decode("utf-8", errors="replace"), "start": start, "end": end, "score": score}
                for answer, start, end, score in zip(*(columns[name][row] for name in ("answer", "start", "end",
                                                                                       "score")), strict=True)]
            yield found[0] | {
                "null_odds": columns["null_odds"][row], "is_impossible": columns["is_impossible"][row],
                "alternatives": [one for one in found[1:] if one["answer"]]}

    @graph_method(tf.TensorSpec([None], tf.string, name="question"),
                  tf.TensorSpec([None], tf.string, name="context"))
    def answer(self, question: tf.Tensor, context: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        pieces, starts, limits = self.tokenizer.tokenize_with_offsets(context)
        windows = question_windows(self.tokenizer.tokenize(question), pieces, stride=self.stride,
                                   max_question_length=self.max_question_length, **self.packing)
        best = spans_of_texts(self._spans_of_windows(windows), windows.windows.row_splits, best=self.top_k,
                              null_counts=self.handle_impossible)
        return answers_of(best, windows, context, starts, limits,
                          null_threshold=self.null_threshold if self.handle_impossible else None)

    def _spans_of_windows(self, windows: QuestionWindows) -> WindowSpans:
        def spans_between(start, limit):
            features = rows_between(windows.features, start, limit, self.max_length)
            seq = tf.shape(features["token_ids"], tf.int64)[1]
            logits = self.model(features, training=False)
            return spans_of_windows(
                logits["start_logits"], logits["end_logits"], windows.has_most_context[start:limit, :seq],
                windows.is_context[start:limit, :seq], best=self.top_k,
                max_answer_length=self.max_answer_length)._asdict()

        best = [None, self.top_k]
        return WindowSpans(**in_chunks(spans_between, tf.size(windows.windows.rows, tf.int64), {
            "scores": tf.TensorSpec(best, tf.float32), "firsts": tf.TensorSpec(best, tf.int64),
            "lasts": tf.TensorSpec(best, tf.int64), "totals": tf.TensorSpec([None], tf.float32),
            "nulls": tf.TensorSpec([None], tf.float32)}))
