"""Evaluation of a fine-tuned model: the work of `scripts/evaluate.py`."""

import time
from pathlib import Path
from typing import Any

from bert_tf.config import TASKS, FinetuningConfig, read_json, require
from bert_tf.data.examples import ExampleCounts
from bert_tf.data.glue import GLUE_TASKS, submission_name, write_submission
from bert_tf.model_directory import load_model
from bert_tf.reports.json_file import versions, write_json
from bert_tf.reports.rows import hardest, write_tsv
from bert_tf.workflows.finetune_data import read_examples
from bert_tf.workflows.finetune_task import Evaluation, Task
from bert_tf.workflows.finetune_tasks import make_task, task_name_of

_HARDEST_IN_REPORT = 10
_SETTINGS = ("max_length", "stride", "max_answer_length", "text_column", "second_text_column", "label_column", "layout",
             "header")
"""What an evaluation takes over from the run that made the model."""


def evaluate(model_directory: str | Path, data: str, output_dir: str | Path | None = None, *,
             task: str | None = None, labelled: bool = True, **settings: Any) -> dict:
    """Answers examples and compares the answers with the right ones.

    Args:
        model_directory: a model with the head of a task.
        data: examples, as `FinetuningConfig.validation`.
        output_dir: gets `report.json`, the predictions and what else the task has; None writes nothing.
        task: one of `TASKS`; by default that of the run that made the model, or what the model's head is for.
        labelled: False only answers, for files without labels; for a GLUE name the submission file is written.
        **settings: fields of `FinetuningConfig` that say how to read the data and how long an example may be; by
            default those of the run that made the model.

    Returns:
        The report: `metrics`, `hardest` and so on, as that of `finetune`.

    Raises:
        ValueError: the model has no such head, or something about the data is wrong.
    """
    start = time.perf_counter()
    output_dir = None if output_dir is None else Path(output_dir)
    require(output_dir is None or not (output_dir / "report.json").exists(), "an `output_dir` without another report",
            output_dir=str(output_dir))
    model = load_model(model_directory)
    config = _config(model_directory, model, data, task, settings)
    counts = ExampleCounts()
    examples = read_examples(config, data, "validation", labelled=labelled, counts=counts)
    of_task = make_task(config, examples, getattr(model, "labels", None))
    if labelled:
        of_task.check(examples, scored=True)
    evaluation = of_task.scorer(model)(examples)
    report = {
        "task": config.task,
        "metrics": evaluation.metrics,
        "main_metric": of_task.main_metric,
        **evaluation.details,
        "hardest": hardest(evaluation.rows, _HARDEST_IN_REPORT) if evaluation.metrics else [],
        "examples": {"source": data, **counts.to_dict()},
        "model": str(model_directory),
        "settings": {name: getattr(config, name) for name in _SETTINGS},
        "versions": versions(),
        "seconds": {"total": time.perf_counter() - start},
    }
    if output_dir is not None:
        _write(config, of_task, evaluation, report, output_dir)
    return report


def _config(directory: str | Path, model: Any, data: str, task: str | None, settings: dict) -> FinetuningConfig:
    run = Path(directory) / "run.json"
    earlier = read_json(run) if run.exists() else {}
    earlier = earlier if earlier.get("task") in TASKS else {}  # that of pre-training is none of ours
    general = task_name_of(model)
    name = task or earlier.get("task") or getattr(model, "kept_config", {}).get("finetuning_task")
    name = name if name in TASKS else general
    fits = name == general or (name in GLUE_TASKS and general == _general(name))
    require(fits, f"a task for a {type(model).__name__}", task=name)
    kept = {key: earlier[key] for key in _SETTINGS if key in earlier}
    return FinetuningConfig(task=name, init=str(directory), train=data, **kept | settings)


def _general(name: str) -> str:
    return "regression" if GLUE_TASKS[name].is_regression else "classification"


def _write(config: FinetuningConfig, task: Task, evaluation: Evaluation, report: dict, output_dir: Path) -> None:
    output_dir.mkdir(parents=True, exist_ok=True)
    task.write(evaluation, output_dir, "")
    if evaluation.metrics:
        write_tsv(hardest(evaluation.rows), output_dir / "hardest.tsv")
    elif config.task in GLUE_TASKS:
        glue = GLUE_TASKS[config.task]
        write_submission(output_dir / submission_name(glue, config.train), glue, evaluation.predictions)
    write_json(report, output_dir / "report.json")
