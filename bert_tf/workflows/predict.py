"""Answers for `scripts/predict.py`: each task turns rows of text into plain records, one for each row, as they come."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from absl import logging

from bert_tf.config import require
from bert_tf.endpoints.classification import Classifier
from bert_tf.endpoints.embedding import SentenceEmbedder
from bert_tf.endpoints.features import FeatureExtractor
from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.endpoints.multiple_choice import MultipleChoice
from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.endpoints.tagging import TokenTagger
from bert_tf.workflows.prediction_input import Row, blocks, columns_of


def classify(model: str, rows: Iterable[Row], *, second: str | None = None, **options: Any) -> Iterator[dict]:
    """`{"text", "second_text", ...}` and what `Classifier.predict` says.

    Args:
        model: model directory.
        rows: texts, or pairs separated by a tab.
        second: the second text of every pair, where the rows hold the first only.
        **options: of the endpoint, here as below.
    """
    classifier = Classifier.load(model, **options)
    are_pairs = None
    for block in blocks(rows):
        if are_pairs is None:  # The very first row says what all are.
            are_pairs = "\t" in block[0].text
        if second is not None:
            pairs = [[row.text, second] for row in block]
        elif are_pairs:
            pairs = [columns_of(row, ("text", "second text")) for row in block]
        else:
            pairs = [columns_of(row, ("text",)) for row in block]
        names = ("text", "second_text")[:len(pairs[0])]
        for pair, answer in zip(pairs, classifier.predict(*zip(*pairs, strict=True)), strict=True):
            yield dict(zip(names, pair, strict=True)) | answer


def tag(model: str, rows: Iterable[Row], **options: Any) -> Iterator[dict]:
    """`{"text", "entities"}`, as `TokenTagger.predict` says."""
    tagger = TokenTagger.load(model, **options)
    for block in blocks(rows):
        texts = [row.text for row in block]
        for text, entities in zip(texts, tagger.predict(texts), strict=True):
            yield {"text": text, "entities": entities}


def answer(model: str, rows: Iterable[Row], *, context: str | None = None, **options: Any) -> Iterator[dict]:
    """`{"question", "context", ...}` and what `QuestionAnswerer.predict` says.

    Args:
        model: model directory.
        rows: questions, or question and context separated by a tab.
        context: that of all questions.
        **options: of the endpoint.
    """
    answerer = QuestionAnswerer.load(model, **options)
    for block in blocks(rows):
        pairs = [[row.text, context] if context is not None else columns_of(row, ("question", "context"))
                 for row in block]
        for row, (question, _) in zip(block, pairs, strict=True):
            require(bool(question.strip()), f"a question in {row.place}", question=question)
        for (question, own), found in zip(pairs, answerer.predict(*zip(*pairs, strict=True)), strict=True):
            yield {"question": question, "context": own} | found


def choose(model: str, rows: Iterable[Row], *, context: str | None = None, **options: Any) -> Iterator[dict]:
    """`{"context", "choices", ...}` and what `MultipleChoice.predict` says.

    Args:
        model: model directory.
        rows: context and choices separated by tabs; with `context` each row is one of its choices, tabs included.
        context: the only one.
        **options: of the endpoint.
    """
    chooser = MultipleChoice.load(model, **options)
    if context is not None:
        choices = [row.text for row in rows]
        require(len(choices) > 0, "at least one choice beside `context`", choices=choices)
        yield {"context": context, "choices": choices} | chooser.predict([context], [choices])[0]
        return
    for block in blocks(rows):
        for row in block:
            require("\t" in row.text, f"a context and at least one choice, separated by tabs, in {row.place}",
                    text=row.text[:200])
        contexts, choices = zip(*((row.text.split("\t")[0], row.text.split("\t")[1:]) for row in block), strict=True)
        for own, its_choices, best in zip(contexts, choices, chooser.predict(contexts, choices), strict=True):
            yield {"context": own, "choices": its_choices} | best


def embed(model: str, rows: Iterable[Row], **options: Any) -> Iterator[dict]:
    """`{"text", "embedding"}`, the embedding as a list of numbers."""
    embedder = SentenceEmbedder.load(model, **options)
    for block in blocks(rows):
        texts = [row.text for row in block]
        for text, embedding in zip(texts, embedder.predict(texts), strict=True):
            yield {"text": text, "embedding": embedding.tolist()}


def similar(model: str, rows: Iterable[Row], *, queries: Sequence[str], top_k: int = 10,
            **options: Any) -> Iterator[dict]:
    """For each query `{"query", "results": [{"text", "place", "score"}, ...]}`, nearest first.

    Args:
        model: model directory.
        rows: the texts that are ranked, by the cosine of their embeddings and the query's.
        queries: what to look for.
        top_k: results for each query.
        **options: of the endpoint.
    """
    require(len(queries) > 0, "a query", queries=queries)
    embedder = SentenceEmbedder.load(model, **options)
    wanted = _unit(embedder.predict(queries))
    nearest: list[list] = [[] for _ in queries]
    for block in blocks(rows):
        scores = wanted @ _unit(embedder.predict([row.text for row in block])).T  # (queries, texts)
        for number, own in enumerate(scores.tolist()):
            nearest[number] = heapq.nlargest(
                top_k, [*nearest[number], *zip(own, block, strict=True)], key=lambda scored: scored[0])
    for query, found in zip(queries, nearest, strict=True):
        yield {"query": query, "results": [
            {"text": row.text, "place": row.place, "score": score} for score, row in found]}


def features(model: str, rows: Iterable[Row], **options: Any) -> Iterator[dict]:
    """`{"text", "tokens": [{"token", "start", "end", "features"}, ...]}`; with pooling `{"text", "features"}`."""
    extractor = FeatureExtractor.load(model, **options)
    for block in blocks(rows):
        texts = [row.text for row in block]
        for text, found in zip(texts, extractor.predict(texts), strict=True):
            vectors = found["features"].tolist()
            if "tokens" not in found:
                yield {"text": text, "features": vectors}
            else:
                yield {"text": text, "tokens": [
                    token | {"features": vector} for token, vector in zip(found["tokens"], vectors, strict=True)]}


def fill_mask(model: str, rows: Iterable[Row], **options: Any) -> Iterator[dict]:
    """`{"text", "blanks"}`, where `blanks` is as in `FillMask.predict`."""
    endpoint = FillMask.load(model, **options)
    for block in blocks(rows):
        texts = [row.text for row in block]
        for text, blanks in zip(texts, endpoint.predict(texts), strict=True):
            if not blanks:
                logging.warning("No [MASK] within the model's length in: %s", text[:200])
            yield {"text": text, "blanks": blanks}


TASKS = {"classify": classify, "tag": tag, "answer": answer, "choose": choose, "embed": embed, "similar": similar,
         "features": features, "fill_mask": fill_mask}
"""What `scripts/predict.py` calls them."""


def _unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors with length 1, float32 `(texts, hidden)`."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
