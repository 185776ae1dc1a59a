"""Fine-tuning of sentence vectors on pairs of texts."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bert_tf.config import FinetuningConfig
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.examples import TextExample
from bert_tf.data.finetuning import pair_examples
from bert_tf.data.sentence_pairs import similarities
from bert_tf.endpoints.embedding import SentenceEmbedder
from bert_tf.evaluation.classification import regression_scores
from bert_tf.evaluation.retrieval import ranks_of_pairs, retrieval_scores
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.sentence_pairs import BertSentencePairs
from bert_tf.reports.rows import write_tsv
from bert_tf.training.distributed import distributed
from bert_tf.workflows.finetune_task import (
    Evaluation,
    is_labelled,
    max_length_for,
    require_two,
    text_columns,
    text_row,
)


class EmbeddingTask:
    """Vectors of texts: alike where a score says so, or where texts are a pair.

    Args:
        config: the run.
        score_range: the scores that mean "nothing in common" and "the same"; None for pairs without scores.
    """

    model_class = BertSentenceEmbedder

    def __init__(self, config: FinetuningConfig, score_range: tuple[float, float] | None):
        self._config, self._range = config, score_range
        self.main_metric = "mrr" if score_range is None else "spearman"

    def model_arguments(self) -> dict[str, Any]:
        """Nothing: pooling and length are those of the model that it starts from."""
        return {}

    def trained(self, model: keras.Model) -> keras.Model:
        """The embedder twice, with the loss of the pairs."""
        return distributed(BertSentencePairs)(model, objective="negatives" if self._range is None else "scores")

    def check(self, examples: Sequence[TextExample], *, scored: bool = False) -> None:
        """Refuses a score that is no number or beyond the range, and with `scored` a single one."""
        if self._range is not None:
            similarities(examples, self._range)
            if scored:
                require_two(examples)

    def encode(self, examples: Sequence[TextExample], model: keras.Model) -> EncodedExamples:
        """Two rows of token ids for every pair, and what their cosine should be."""
        return pair_examples(examples, model.tokenizer, max_length=max_length_for(self._config, model),
                             score_range=self._range)

    def scorer(self, model: keras.Model) -> Callable[[Sequence[TextExample]], Evaluation]:
        """A row has the cosine and the rank of the second text; its loss is the squared error, or 1 - 1 / rank."""
        embedder = SentenceEmbedder(model, max_length=max_length_for(self._config, model))

        def score(examples: Sequence[TextExample]) -> Evaluation:
            first, second = (_normalized(embedder.predict(texts)) for texts in text_columns(examples))
            cosines = (first * second).sum(axis=1)
            rows = [text_row(example) | {"gold": example.label, "predicted": float(cosine)}
                    for example, cosine in zip(examples, cosines, strict=True)]
            if self._range is None:
                return self._ranked(rows, first, second)
            if not is_labelled(examples):
                return Evaluation({}, rows, predictions=cosines)
            gold = similarities(examples, self._range)
            for row, right, cosine in zip(rows, gold, cosines, strict=True):
                row["loss"] = float((right - cosine) ** 2)
            return Evaluation(regression_scores(gold, cosines), rows, predictions=cosines)

        return score

    def _ranked(self, rows: list[dict], first: np.ndarray, second: np.ndarray) -> Evaluation:
        ranks = ranks_of_pairs(first, second)
        for row, rank in zip(rows, ranks.tolist(), strict=True):
            row |= {"rank": rank, "loss": 1 - 1 / rank}
        return Evaluation(retrieval_scores(ranks), rows, predictions=ranks)

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """`predictions.tsv`."""
        write_tsv(evaluation.rows, directory / f"{name}predictions.tsv")


def _normalized(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
