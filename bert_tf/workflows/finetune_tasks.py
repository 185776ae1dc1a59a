"""Which task a configuration means."""

from collections.abc import Sequence

import keras
from absl import logging

from bert_tf.config import FinetuningConfig, require
from bert_tf.data.examples import count_labels
from bert_tf.data.glue import GLUE_TASKS
from bert_tf.data.sentence_pairs import score_range
from bert_tf.data.tagging_schemes import tag_names
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.workflows.finetune_choices import ChoiceTask
from bert_tf.workflows.finetune_data import CLASSIFICATION_TASKS
from bert_tf.workflows.finetune_embedding import EmbeddingTask
from bert_tf.workflows.finetune_questions import QuestionTask
from bert_tf.workflows.finetune_tagging import TaggingTask
from bert_tf.workflows.finetune_task import Task
from bert_tf.workflows.finetune_texts import ClassificationTask, RegressionTask

_TASK_OF = {BertClassifier: "classification", BertTokenClassifier: "tagging", BertSpanPredictor: "question_answering",
            BertMultipleChoice: "multiple_choice", BertSentenceEmbedder: "embedding"}


def make_task(config: FinetuningConfig, examples: Sequence, labels: Sequence[str] | None = None, *,
              tune: bool = False) -> Task:
    """The task of a configuration.

    Args:
        config: the run.
        examples: what labels, and the range of scores, are taken from: the training examples.
        labels: names in the order of the logits; by default those of the configuration or the examples.
        tune: choose what the model has to know beside its weights by the examples that are scored.

    Raises:
        ValueError: too few or too many labels.
    """
    if config.task in CLASSIFICATION_TASKS:
        return ClassificationTask(config, labels or _label_names(config, examples))
    if config.task == "tagging":
        return TaggingTask(config, labels or config.label_names() or _tag_names(examples))
    if config.task == "question_answering":
        return QuestionTask(config, tune=tune)
    if config.task == "multiple_choice":
        return ChoiceTask(config)
    if config.task == "embedding":
        has_scores = any(example.label is not None for example in examples)
        return EmbeddingTask(config, score_range(examples) if has_scores else None)
    return RegressionTask(config)


def task_name_of(model: keras.Model) -> str:
    """The general task that a model's head is for.

    Raises:
        ValueError: it has no head for a task, or may give a text several labels or values.
    """
    name = next((name for kind, name in _TASK_OF.items() if isinstance(model, kind)), None)
    require(name is not None, "a model with a head for a task", model=type(model).__name__)
    problem = getattr(model, "problem_type", None)
    require(problem != "multi_label", "a model that gives a text one label; of multi-label ones there is no evaluation",
            problem_type=problem)
    if problem == "regression":
        require(len(model.labels) == 1, "a regression of one value", labels=model.labels)
        return "regression"
    return name


def _label_names(config: FinetuningConfig, examples: Sequence) -> Sequence[str]:
    if config.task in GLUE_TASKS:
        return GLUE_TASKS[config.task].labels
    if config.label_names():
        return config.label_names()
    counts = count_labels(example.label for example in examples)
    require(len(counts) >= 2, "at least two different labels in the training examples", labels=list(counts))
    require(len(counts) <= max(100, len(examples) // 4), "a column of labels; for numbers there is --task=regression",
            different_values=len(counts), examples=len(examples))
    rare = [label for label, number in counts.items() if number == 1]
    if rare:
        logging.warning("%d label(s) with one training example each: %s", len(rare), ", ".join(rare[:10]))
    return list(counts)


def _tag_names(examples: Sequence) -> Sequence[str]:
    types = sorted({tag[2:] for example in examples for tag in example.tags if tag != "O"})
    require(len(types) >= 1, "at least one tag other than O in the training examples", types=0)
    return tag_names(types)
