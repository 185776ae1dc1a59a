"""What fine-tuning and evaluation ask of a task."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras

from bert_tf.config import FinetuningConfig, require
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.examples import TextExample
from bert_tf.model_directory import load_model
from bert_tf.training.distributed import distributed

BATCH_SIZE = 32
"""Examples that are answered at once in an evaluation."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Answers to examples, and how good they are.

    Attributes:
        metrics: the official ones; empty where the right answers are not known.
        rows: about each example, in order, what a reader wants to see; `loss` where the right answer is known.
        details: more about how good the answers are, for the report.
        model_values: what the model has to know of this, for its `config.json`.
        predictions: the answers themselves, in the form that the task's files want.
    """

    metrics: dict[str, float]
    rows: list[dict[str, Any]]
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    model_values: dict[str, Any] = dataclasses.field(default_factory=dict)
    predictions: Any = None


class Task(Protocol):
    """One way to use a BERT; `examples` are what `finetune_data.read_examples` gives for it.

    Attributes:
        main_metric: decides which checkpoint is the best; larger is better.
        model_class: of the model that is saved.
    """

    main_metric: str
    model_class: type[keras.Model]

    def model_arguments(self) -> dict[str, Any]:
        """For the constructor of `model_class`."""

    def trained(self, model: keras.Model) -> keras.Model:
        """The model to call `fit` on; it shares its weights with `model`."""

    def check(self, examples: Sequence, *, scored: bool = False) -> None:
        """Refuses examples whose labels the model does not have, with file and line.

        With `scored` also those that have no main metric, because too few right answers are known.
        """

    def encode(self, examples: Sequence, model: keras.Model) -> EncodedExamples:
        """Examples for `fit`."""

    def scorer(self, model: keras.Model) -> Callable[[Sequence], Evaluation]:
        """Answers and judges examples with the weights that the model has when it is called."""

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """Writes the predictions and pictures of an evaluation; `name` goes in front of the names of files."""


def open_model(task: Task, directory: str, config: FinetuningConfig) -> keras.Model:
    """The model of a directory with the head of the task.

    Raises:
        ValueError: there is no model or no vocabulary, or it is too short for `config.max_length`.
    """
    model = load_model(directory, distributed(task.model_class), **task.model_arguments())
    require(model.tokenizer is not None, f"a vocabulary beside the weights of {directory}", vocabulary=None)
    limit = model.config.max_sequence_length
    require(config.max_length is None or config.max_length <= limit,
            f"`max_length` not beyond the {limit} rows of the position table", max_length=config.max_length)
    return model


def max_length_for(config: FinetuningConfig, model: keras.Model) -> int:
    """Tokens of an example at most: what the configuration says, but not more than the model can take."""
    return min(config.longest, model.config.max_sequence_length)


def text_row(example: TextExample) -> dict[str, Any]:
    """The beginning of a row about a text or a pair of texts."""
    second = {} if example.second_text is None else {"second_text": example.second_text}
    return {"place": example.place, "text": example.text} | second


def text_columns(examples: Sequence[TextExample]) -> tuple[list[str], ...]:
    """The texts, or the first and the second texts of pairs."""
    first = [example.text for example in examples]
    if not examples or examples[0].second_text is None:
        return (first,)
    return first, [example.second_text for example in examples]


def pair_values(examples: Sequence[TextExample]) -> dict[str, bool]:
    """`text_pairs`, for the model's `config.json`: an export then takes pairs, unless told otherwise."""
    return {"text_pairs": len(text_columns(examples)) == 2}


def require_two(examples: Sequence[TextExample]) -> None:
    """Refuses a single example, which gives no correlation."""
    require(len(examples) >= 2, f"another example beside {examples[0].place} to evaluate on: a correlation takes two",
            examples=len(examples))


def is_labelled(examples: Sequence) -> bool:
    """Whether every example has a label."""
    return all(example.label is not None for example in examples)
