"""The examples of a fine-tuning run: read, checked for being there, and split where the user has not split them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from bert_tf.config import FinetuningConfig, require
from bert_tf.data.choices import read_choices
from bert_tf.data.columns import TableFormat
from bert_tf.data.conll import read_conll
from bert_tf.data.examples import ExampleCounts, Question, TextExample, require_alike
from bert_tf.data.glue import GLUE_TASKS, read_glue, read_glue_test
from bert_tf.data.readers import TFDS_PREFIX
from bert_tf.data.sentence_pairs import read_pairs
from bert_tf.data.squad import read_squad
from bert_tf.data.tables import read_table

CLASSIFICATION_TASKS = ("classification", *(task.name for task in GLUE_TASKS.values() if not task.is_regression))
_VALIDATION_SHARE = 0.1
_STEMS = {"train": ("train",), "validation": ("dev", "validation", "valid", "val", "dev_matched", "dev_mismatched"),
          "test": ("test", "test_matched", "test_mismatched")}
"""How the files of a folder are called."""
_ENDINGS = (".tsv", ".csv", ".txt", ".jsonl", ".ndjson", ".json", ".conll", ".gz")


@dataclasses.dataclass(frozen=True)
class ExampleSets:
    """What a run learns from and is judged by.

    Attributes:
        train: what the model is trained on.
        validation: by source, what it is evaluated on; the first one decides which checkpoint is the best.
        test: by source, what it only answers.
        report: where all this came from, how much of it there is, and what was skipped.
    """

    train: list
    validation: dict[str, list]
    test: dict[str, list]
    report: dict[str, Any]


def read_sets(config: FinetuningConfig) -> ExampleSets:
    """Reads everything that the configuration names.

    Raises:
        ValueError: a file is not there or not usable, or pairs are trained on and single texts judged, or the other way
            round; names the file and, where there is one, the line.
    """
    sources = {name: _sources(config, name) for name in ("train", "validation", "test")}
    require(len(sources["train"]) > 0, f"training examples in {config.data}", train=None)
    judged = [source_name(source) for source in (*sources["validation"], *sources["test"])]
    require(len(set(judged)) == len(judged), "validation and test files of different names", files=judged)
    counts = ExampleCounts()
    train = read_examples(config, ",".join(sources["train"]), "train", counts=counts)
    report: dict[str, Any] = {"train": {"source": ",".join(sources["train"]), **counts.to_dict()}}
    validation = {}
    for source in sources["validation"]:
        counts = ExampleCounts()
        validation[source] = read_examples(config, source, "validation", counts=counts)
        report.setdefault("validation", []).append({"source": source, **counts.to_dict()})
    if not validation:
        train, held_out = split(train, config.seed, by_label=config.task in CLASSIFICATION_TASKS)
        logging.warning("No validation examples are given: %s of the %s training examples are held out instead.",
                        f"{len(held_out):,}", f"{len(train) + len(held_out):,}")
        validation = {"held out from train": held_out}
        report["validation"] = [{"source": "held out from train", "examples": len(held_out)}]
        report["train"]["examples"] = len(train)
    test = {source: read_examples(config, source, "test", labelled=False) for source in sources["test"]}
    if test:
        report["test"] = [{"source": source, "examples": len(examples)} for source, examples in test.items()]
    for examples in (*validation.values(), *test.values()):
        if isinstance(examples[0], TextExample):
            require_alike(examples, train[0])
    return ExampleSets(train, validation, test, report)


def read_examples(config: FinetuningConfig, source: str, split_name: str, *, labelled: bool = True,
                  counts: ExampleCounts | None = None) -> list:
    """Reads one source of the configured task.

    Args:
        config: the task and its columns.
        source: files, patterns, or `tfds:NAME`.
        split_name: of a TFDS data set whose source names none.
        labelled: examples without labels are an error, or skipped; False gives texts without the labels that their
            files may have.
        counts: counts what is read, if given.
    """
    if config.task in GLUE_TASKS:
        require(not source.startswith(TFDS_PREFIX), "files in GLUE's layout; for a TensorFlow data set "
                "--task=classification (or regression) and its own labels", source=source)
        task = GLUE_TASKS[config.task]
        return read_glue(task, source, counts=counts) if labelled else read_glue_test(task, source)
    if config.task == "tagging":
        columns = {"word_column": "text_column", "tag_column": "label_column"}
        return read_conll(source, labelled=labelled, counts=counts,
                          **{name: _column_number(field, getattr(config, field)) for name, field in columns.items()
                             if getattr(config, field) is not None})
    if config.task == "question_answering":
        questions = read_squad(source, counts=counts)
        return questions if labelled else [
            dataclasses.replace(question, answers=(), is_impossible=False) for question in questions]
    if config.task == "multiple_choice":
        return read_choices(source, labelled=labelled, counts=counts)
    table_format = TableFormat(config.layout, config.header, config.text_column, config.second_text_column,
                               config.label_column)
    read = read_pairs if config.task == "embedding" else read_table
    examples = read(source, table_format, split=split_name, labelled=labelled, counts=counts)
    return examples if labelled else [dataclasses.replace(example, label=None) for example in examples]


def split(examples: Sequence, seed: int, *, by_label: bool = False) -> tuple[list, list]:
    """Holds a tenth of the examples out at random, all questions about a context together.

    Args:
        examples: of any task.
        seed: of the choice.
        by_label: a label that only examples held out would have keeps them in training.

    Returns:
        What is left, and what is held out.

    Raises:
        ValueError: there are less than two examples, or contexts.
    """
    groups = [example.context if isinstance(example, Question) else number for number, example in enumerate(examples)]
    names = list(dict.fromkeys(groups))
    require(len(names) >= 2, "at least two examples, or contexts of questions, to hold one out", number=len(names))
    count = max(1, round(_VALIDATION_SHARE * len(names)))
    chosen = {names[index] for index in np.random.default_rng(seed).permutation(len(names))[:count]}
    left = [example for example, group in zip(examples, groups, strict=True) if group not in chosen]
    held_out = [example for example, group in zip(examples, groups, strict=True) if group in chosen]
    if by_label:
        known = {example.label for example in left}
        left += [example for example in held_out if example.label not in known]
        held_out = [example for example in held_out if example.label in known]
    require(bool(left and held_out), "enough examples to hold some out", examples=len(examples))
    return left, held_out


def source_name(source: str) -> str:
    """What files about a source are called: `dev` for `glue/RTE/dev.tsv`, `imdb.dev` for `imdb.dev.tsv.gz`."""
    path = Path(source)
    while path.suffix.lower() in _ENDINGS:
        path = path.with_suffix("")
    return path.name.replace("#", "_")


def _sources(config: FinetuningConfig, name: str) -> list[str]:
    """The sources called `name`; several validation or test files are several sources."""
    given = getattr(config, name)
    if given:
        return [source.strip() for source in given.split(",") if source.strip()]
    if not config.data:
        return []
    if config.data.startswith(TFDS_PREFIX):
        return [f"{config.data}#{name}"] if name != "test" else []
    folder = Path(config.data)
    require(folder.is_dir(), "`data` to be a folder", data=config.data)
    return [str(path) for stem in _STEMS[name] for path in sorted(folder.iterdir())
            if path.is_file() and path.name.split(".")[0] == stem]


def _column_number(name: str, value: str) -> int:
    require(value.removeprefix("-").isdecimal(),
            f"`{name}` of a CoNLL file to be a number, from 0 or from the end (-1)", value=value)
    return int(value)
