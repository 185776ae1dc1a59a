"""Fine-tuning for labels and numbers about texts and pairs of texts, the tasks of GLUE among them."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bert_tf.config import FinetuningConfig, require
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.examples import TextExample
from bert_tf.data.finetuning import classification_examples, label_ids, regression_examples
from bert_tf.data.glue import GLUE_TASKS
from bert_tf.data.sentence_pairs import number_labels
from bert_tf.endpoints.classification import Classifier
from bert_tf.evaluation.classification import (
    classification_scores,
    confusion_matrix,
    label_scores,
    regression_scores,
)
from bert_tf.models.classifier import BertClassifier
from bert_tf.reports.confusion_matrix import plot_confusion_matrix
from bert_tf.reports.rows import write_tsv
from bert_tf.workflows.finetune_task import (
    BATCH_SIZE,
    Evaluation,
    is_labelled,
    max_length_for,
    pair_values,
    require_two,
    text_columns,
    text_row,
)


class ClassificationTask:
    """One of several labels for a text or a pair of texts.

    Args:
        config: the run.
        labels: names in the order of the logits.

    Raises:
        ValueError: labels other than those of the GLUE task.
    """

    model_class = BertClassifier

    def __init__(self, config: FinetuningConfig, labels: Sequence[str]):
        self._config, self._labels = config, tuple(labels)
        self._glue = GLUE_TASKS.get(config.task)
        # GLUE's order, which a model need not share, says whose F1 it is and what a submission calls an answer.
        self._order = self._glue.labels if self._glue else self._labels
        require(set(self._order) == set(self._labels), f"a model with the labels of {config.task}: "
                f"{', '.join(self._order)}", labels=self._labels)
        self.main_metric = self._glue.main_metric if self._glue else "accuracy"

    def model_arguments(self) -> dict[str, Any]:
        """Labels and dropout."""
        return {"labels": self._labels, "problem_type": "single_label", "dropout": self._config.dropout}

    def trained(self, model: keras.Model) -> keras.Model:
        """The model itself."""
        return model

    def check(self, examples: Sequence[TextExample], *, scored: bool = False) -> None:
        """Refuses a label that the training examples never had."""
        label_ids(examples, self._labels)

    def encode(self, examples: Sequence[TextExample], model: keras.Model) -> EncodedExamples:
        """Token ids and numbers of labels."""
        return classification_examples(examples, model.tokenizer, labels=self._labels,
                                       max_length=max_length_for(self._config, model))

    def scorer(self, model: keras.Model) -> Callable[[Sequence[TextExample]], Evaluation]:
        """A row has the probability of the predicted label; its loss is -log of that of the right one."""
        classifier = Classifier(model, max_length=max_length_for(self._config, model))

        def score(examples: Sequence[TextExample]) -> Evaluation:
            answers = classifier.predict(*text_columns(examples), batch_size=BATCH_SIZE)
            rows = [text_row(example) | {"gold": example.label, "predicted": answer["label"],
                                     "probability": answer["probabilities"][answer["label"]]}
                    for example, answer in zip(examples, answers, strict=True)]
            predicted = [self._order.index(answer["label"]) for answer in answers]
            if not is_labelled(examples):
                return Evaluation({}, rows, predictions=predicted)
            for row, answer in zip(rows, answers, strict=True):
                row["loss"] = -math.log(max(answer["probabilities"][row["gold"]], 1e-30))
            gold = label_ids(examples, self._order)
            matrix = confusion_matrix(gold, predicted, len(self._order))
            details = {"confusion_matrix": matrix.tolist(), "labels": label_scores(gold, predicted, self._order)}
            return Evaluation(self._metrics(gold, predicted), rows, details, pair_values(examples),
                              predictions=predicted)

        return score

    def _metrics(self, gold: Sequence[int], predicted: list[int]) -> dict[str, float]:
        metrics = classification_scores(gold, predicted, num_labels=len(self._order))
        return {name: metrics[name] for name in self._glue.metrics} if self._glue else metrics

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """`predictions.tsv`, and `confusion_matrix.png` where the right labels are known."""
        write_tsv(evaluation.rows, directory / f"{name}predictions.tsv")
        if "confusion_matrix" in evaluation.details:
            plot_confusion_matrix(np.array(evaluation.details["confusion_matrix"]), self._order,
                                  directory / f"{name}confusion_matrix.png", title=f"{len(evaluation.rows):,} examples")


class RegressionTask:
    """A number for a text or a pair of texts.

    Args:
        config: the run.
    """

    model_class = BertClassifier
    main_metric = "spearman"

    def __init__(self, config: FinetuningConfig):
        self._config = config

    def model_arguments(self) -> dict[str, Any]:
        """One output and dropout."""
        return {"labels": ("score",), "problem_type": "regression", "dropout": self._config.dropout}

    def trained(self, model: keras.Model) -> keras.Model:
        """The model itself."""
        return model

    def check(self, examples: Sequence[TextExample], *, scored: bool = False) -> None:
        """Refuses a score that is no number, and with `scored` a single example."""
        number_labels(examples)
        if scored:
            require_two(examples)

    def encode(self, examples: Sequence[TextExample], model: keras.Model) -> EncodedExamples:
        """Token ids and scores."""
        return regression_examples(examples, model.tokenizer, max_length=max_length_for(self._config, model))

    def scorer(self, model: keras.Model) -> Callable[[Sequence[TextExample]], Evaluation]:
        """The loss of a row is its squared error."""
        classifier = Classifier(model, max_length=max_length_for(self._config, model))

        def score(examples: Sequence[TextExample]) -> Evaluation:
            answers = classifier.predict(*text_columns(examples), batch_size=BATCH_SIZE)
            predicted = [answer["value"] for answer in answers]
            rows = [text_row(example) | {"gold": example.label, "predicted": value}
                    for example, value in zip(examples, predicted, strict=True)]
            if not is_labelled(examples):
                return Evaluation({}, rows, predictions=predicted)
            gold = number_labels(examples)
            for row, right, value in zip(rows, gold, predicted, strict=True):
                row["loss"] = (right - value) ** 2
            return Evaluation(regression_scores(gold, predicted), rows, model_values=pair_values(examples),
                              predictions=predicted)

        return score

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """`predictions.tsv`."""
        write_tsv(evaluation.rows, directory / f"{name}predictions.tsv")
