"""Fine-tuning: the work of `scripts/finetune.py`."""

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from bert_tf.config import FinetuningConfig, require
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.glue import GLUE_TASKS, submission_name, write_submission
from bert_tf.model_directory import load_model, save_model
from bert_tf.reports.json_file import versions, write_json
from bert_tf.reports.rows import hardest, write_tsv
from bert_tf.training.epochs import EpochsConfig, fit_epochs
from bert_tf.training.freezing import freeze, learning_rate_factors
from bert_tf.training.lora import enable_lora, merged
from bert_tf.training.optimizer import AdamW
from bert_tf.training.schedule import WarmupLinearDecay
from bert_tf.training.strategy import make_strategy, worker_of
from bert_tf.workflows.finetune_data import ExampleSets, read_sets, source_name
from bert_tf.workflows.finetune_runs import finish_runs, planned_runs
from bert_tf.workflows.finetune_task import Evaluation, Task, open_model
from bert_tf.workflows.finetune_tasks import make_task
from bert_tf.workflows.output_folder import require_free

_HARDEST_IN_REPORT = 10


def finetune(config: FinetuningConfig, output_dir: str | Path) -> dict:
    """Fine-tunes a BERT and leaves everything about the run, or the runs, in one folder.

    Args:
        config: the run; with `seeds` or `grid` several ones.
        output_dir: gets the model of the best evaluation (`config.json`, `vocab.txt`, `tokenizer_config.json`,
            `model.safetensors`), `report.json`, `run.json` with the configuration, `log.jsonl`, the predictions on the
            validation examples, `hardest.tsv`, pictures and what else the task has. Several runs have a folder each
            below it, `runs.json` compares them, and the files of the best one lie in `output_dir` itself.

    Returns:
        The report; of several runs that of the best one, with all of them under `runs`.

    Raises:
        ValueError: something about the input or the folder is wrong; nothing has been trained yet.
    """
    start = time.perf_counter()
    output_dir = Path(output_dir)
    require_free(output_dir)
    runs = planned_runs(config)
    sets = read_sets(config)
    output_dir.mkdir(parents=True, exist_ok=True)
    if len(runs) == 1:
        return _finetune_once(runs[0].config, sets, output_dir, start)
    return finish_runs(config, runs, output_dir, lambda run: _finetune_once(
        run.config, sets, output_dir / run.folder, time.perf_counter()))


def _finetune_once(config: FinetuningConfig, sets: ExampleSets, output_dir: Path, start: float) -> dict:
    keras.utils.clear_session()
    keras.utils.set_random_seed(config.seed)
    strategy = make_strategy(config.strategy)
    require(worker_of(strategy) == (0, 1), "one machine", workers=worker_of(strategy)[1])
    keras.config.set_dtype_policy(config.precision)
    task = make_task(config, sets.train, tune=True)
    task.check(sets.train)
    for examples in sets.validation.values():
        task.check(examples, scored=True)
    with strategy.scope():
        model = open_model(task, config.init, config)
        trained = task.trained(model)
        encoded = task.encode(sets.train, model)
        steps = EpochsConfig(config.epochs, encoded.steps_per_epoch(config.batch_size),
                             config.evaluation_steps or encoded.steps_per_epoch(config.batch_size), task.main_metric)
        _compile(trained, config, steps.steps)
    output_dir.mkdir(parents=True, exist_ok=True)
    # From here on the folder belongs to this run.
    write_json(dataclasses.asdict(config), output_dir / "run.json")
    prepared = time.perf_counter()
    logging.info("%s examples, %s validation examples; %s steps; %s of %s parameters are trained", f"{len(encoded):,}",
                 f"{sum(map(len, sets.validation.values())):,}", f"{steps.steps:,}", f"{_count(trained, True):,}",
                 f"{_count(trained):,}")
    best = _Best(task, model, next(iter(sets.validation.values())), output_dir, config)
    log = fit_epochs(trained, encoded.training_batches(config.batch_size, seed=config.seed), output_dir, steps,
                     evaluate=best.evaluate, keep=best.keep)
    report = _report(config, task, trained, encoded, sets, log, best.kept)
    report["seconds"] = {"preparation": prepared - start, "training": log[-1]["seconds"],
                         "total": time.perf_counter() - start}
    # Now, so that it is not lost with an answer that cannot be written; and once more with what came after it.
    write_json(report, output_dir / "report.json")
    report |= _write_answers(config, task, best.kept, sets, output_dir)
    report["seconds"]["total"] = time.perf_counter() - start
    write_json(report, output_dir / "report.json")
    return report


def _compile(model: keras.Model, config: FinetuningConfig, steps: int) -> None:
    if config.freeze:
        freeze(model, config.freeze)
    if config.lora_rank:
        enable_lora(model, config.lora_rank)
    factors = learning_rate_factors(model, config.layer_decay) if config.layer_decay < 1 else None
    schedule = WarmupLinearDecay(config.learning_rate, steps, round(config.warmup_rate * steps))
    # Batches differ in length, and XLA would compile each length anew.
    model.compile(AdamW(schedule, weight_decay=config.weight_decay, learning_rate_factors=factors),
                  accumulate=config.accumulate, jit_compile=False)


class _Best:
    """Evaluates the model, and keeps it on disk together with the evaluation when told to."""

    def __init__(self, task: Task, model: keras.Model, examples: Sequence, output_dir: Path, config: FinetuningConfig):
        self._model, self._examples, self._output_dir = model, examples, output_dir
        self._score = task.scorer(model)
        self._task_name = config.task
        self.kept: Evaluation | None = None

    def evaluate(self) -> dict[str, float]:
        self._latest = self._score(self._examples)
        return self._latest.metrics

    def keep(self) -> None:
        self.kept = self._latest
        values = {**getattr(self._model, "kept_config", {}), "finetuning_task": self._task_name,
                  **self.kept.model_values}
        self._model.kept_config = {key: value for key, value in values.items() if value is not None}
        save_model(merged(self._model), self._output_dir)


def _report(config: FinetuningConfig, task: Task, model: keras.Model, encoded: EncodedExamples, sets: ExampleSets,
            log: list[dict], best: Evaluation) -> dict[str, Any]:
    at = next(line for line in reversed(log) if line.get("best"))
    steps = [line["step"] for line in log]
    seconds = sum((step - before) / line["steps_per_second"]
                  for before, step, line in zip([0, *steps[:-1]], steps, log, strict=True))
    return {
        "task": config.task,
        "metrics": best.metrics,
        "main_metric": task.main_metric,
        "text_pairs": best.model_values.get("text_pairs", False),
        "best": {"step": at["step"], "epoch": at["epoch"]},
        "evaluations": [{"step": line["step"], **line["validation"]} for line in log if "validation" in line],
        **best.details,
        "hardest": hardest(best.rows, _HARDEST_IN_REPORT),
        "examples": sets.report,
        "steps": steps[-1],
        "examples_per_second": config.epochs * len(encoded) / seconds,
        "tokens_per_second": sum(line["tokens"] for line in log) / seconds,
        "padding_share": 1 - sum(line["tokens"] for line in log) / sum(line["positions"] for line in log),
        "parameters": _count(model),
        "trained_parameters": _count(model, trainable=True),
        "config": dataclasses.asdict(config),
        "versions": versions(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }


def _write_answers(config: FinetuningConfig, task: Task, best: Evaluation, sets: ExampleSets,
                   output_dir: Path) -> dict[str, Any]:
    """Writes the best evaluation, and answers to the other validation sets and the test sets; returns their metrics."""
    task.write(best, output_dir, "")
    write_tsv(hardest(best.rows), output_dir / "hardest.tsv")
    others = dict(list(sets.validation.items())[1:])
    if not others and not sets.test:
        return {}
    model = load_model(output_dir)
    task = make_task(config, sets.train, getattr(model, "labels", None))
    score = task.scorer(model)
    metrics = {}
    for source, examples in others.items():
        task.check(examples)
        evaluation = score(examples)
        metrics[source] = evaluation.metrics
        task.write(evaluation, output_dir, f"{source_name(source)}_")
    for source, examples in sets.test.items():
        evaluation = score(examples)
        task.write(evaluation, output_dir, f"{source_name(source)}_")
        if config.task in GLUE_TASKS:
            glue = GLUE_TASKS[config.task]
            write_submission(output_dir / submission_name(glue, source), glue, evaluation.predictions)
    return {"other_metrics": metrics} if metrics else {}


def _count(model: keras.Model, trainable: bool = False) -> int:
    weights = model.trainable_weights if trainable else model.weights
    return sum(math.prod(weight.shape) for weight in weights)
