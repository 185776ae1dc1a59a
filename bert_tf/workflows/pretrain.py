"""Pre-training from raw text: the work of `scripts/pretrain.py`."""

import dataclasses
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import logging

import bert_tf
from bert_tf.config import PretrainingConfig, read_json, require
from bert_tf.data.corpus import CorpusSummary, check_corpus, survey
from bert_tf.data.pipelines import held_out_dataset, pretraining_dataset
from bert_tf.model_directory import save_model
from bert_tf.reports.curves import plot_curves
from bert_tf.reports.json_file import versions, write_json
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.training.optimizer import AdamW
from bert_tf.training.schedule import WarmupLinearDecay
from bert_tf.training.strategy import make_strategy
from bert_tf.training.trainer import TrainerConfig, train
from bert_tf.workflows.blanks import fill_held_out_blanks
from bert_tf.workflows.pretraining_text import prepare_sentence_files, prepare_tokenizer

DEMO = PretrainingConfig(
    vocabulary_size=8000, size="tiny", sequence_length=64, batch_size=64, steps=1500, learning_rate=2e-3,
    adam_beta_2=0.98, dropout=0.0)
"""What runs without an input: the documentation of this Python installation, in less than 5 minutes on 2 cores."""


def pretrain(config: PretrainingConfig, output_dir: str | Path, *, resume: bool = False) -> dict:
    """Pre-trains a BERT and leaves everything about the run in one folder.

    Args:
        config: the run.
        output_dir: gets the model (`config.json`, `vocab.txt`, `tokenizer_config.json`, `model.safetensors`),
            `report.json`, `curves.png`, `log.jsonl`, `run.json` with the configuration, and `checkpoints`.
        resume: go on from the newest checkpoint in `output_dir`, which must belong to the same configuration.

    Returns:
        The report.

    Raises:
        ValueError: something about the input, the vocabulary or the folder is wrong; nothing has been trained yet.
    """
    start = time.perf_counter()
    output_dir = Path(output_dir)
    _claim(output_dir, config, resume)
    keras.utils.set_random_seed(config.seed)
    files = prepare_sentence_files(config, output_dir)
    summary = survey(files, config.held_out_share)
    for warning in check_corpus(summary, config.objective, held_out=True):
        logging.warning(warning)
    tokenizer = prepare_tokenizer(config, files, output_dir)
    logging.info("%s sentences in %s documents, %s of them held out; %s pieces", f"{summary.sentences:,}",
                 f"{summary.documents:,}", f"{summary.held_out_documents:,}", f"{len(tokenizer.vocabulary):,}")
    held_out = _held_out(config, summary, tokenizer)
    with make_strategy(config.strategy).scope():
        model = _model(config, tokenizer)
    prepared = time.perf_counter()
    log = train(model, lambda done: _batches(config, summary, tokenizer, done), held_out, output_dir,
                _trainer_config(config, resume))
    save_model(model, output_dir, tokenizer=tokenizer)
    report = _report(config, summary, model, tokenizer, log, held_out)
    report["seconds"] = {"preparation": prepared - start, "training": log[-1]["seconds"],
                         "total": time.perf_counter() - start}
    report["fill_mask"] = fill_held_out_blanks(model, tokenizer, summary, config.seed)
    baseline = report["held_out"]["most_frequent_piece_accuracy"]
    plot_curves(log, output_dir / "curves.png", title=f"BERT {config.size}, {config.objective}", baseline=baseline)
    write_json(report, output_dir / "report.json")
    return report


def _claim(output_dir: Path, config: PretrainingConfig, resume: bool) -> None:
    """Makes the folder this run's, or refuses it."""
    run_file = output_dir / "run.json"
    values = dataclasses.asdict(config)
    if resume:
        earlier = read_json(run_file)
        differing = [name for name in values if earlier.get(name) != json.loads(json.dumps(values[name]))]
        require(not differing, f"--resume with the configuration of the run in {output_dir}",
                **{name: f"{earlier.get(name)!r} then, {values[name]!r} now" for name in differing})
        return
    require(not run_file.exists(), "an `output_dir` without another run (--resume goes on with it)",
            output_dir=str(output_dir))
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(values, run_file)


def _model(config: PretrainingConfig, tokenizer: WordPieceTokenizer) -> keras.Model:
    keras.config.set_dtype_policy(config.precision)
    encoder = config.encoder(len(tokenizer.vocabulary))
    model = bert_tf.BertPretrainer(encoder, next_sentence=config.objective != "mlm")
    warmup_steps = config.steps // 20 if config.warmup_steps is None else config.warmup_steps
    model.compile(AdamW(
        WarmupLinearDecay(config.learning_rate, config.steps, warmup_steps), weight_decay=config.weight_decay,
        beta_2=config.adam_beta_2))
    logging.info("BERT %s: %s parameters, %s", config.size, f"{model.count_params():,}", config.precision)
    return model


def _batches(config: PretrainingConfig, summary: CorpusSummary, tokenizer: WordPieceTokenizer,
             done: int) -> tf.data.Dataset:
    return pretraining_dataset(
        summary.files, tokenizer, config.examples(), config.masking(), batch_size=config.batch_size, seed=config.seed,
        held_out_threshold=summary.held_out_threshold, first_batch=done)


def _held_out(config: PretrainingConfig, summary: CorpusSummary, tokenizer: WordPieceTokenizer) -> tf.data.Dataset:
    return held_out_dataset(
        summary.files, tokenizer, config.examples(), config.masking(), batch_size=config.batch_size,
        max_examples=config.held_out_examples, seed=config.seed, held_out_threshold=summary.held_out_threshold)


def _trainer_config(config: PretrainingConfig, resume: bool) -> TrainerConfig:
    tenth = max(1, config.steps // 10)
    return TrainerConfig(
        steps=config.steps, log_steps=max(1, min(100, config.steps // 100)),
        evaluation_steps=config.evaluation_steps or tenth, checkpoint_steps=config.checkpoint_steps or tenth,
        resume=resume)


def _report(config: PretrainingConfig, summary: CorpusSummary, model: keras.Model, tokenizer: WordPieceTokenizer,
            log: list[dict], held_out: tf.data.Dataset) -> dict:
    last = log[-1]
    seconds = last["seconds"]
    tokens = sum(line["tokens"] for line in log)
    positions = sum(line["positions"] for line in log)
    return {
        "steps": last["step"],
        "examples_per_second": last["step"] * config.batch_size / seconds,
        "tokens_per_second": tokens / seconds,
        "padding_share": 1 - tokens / positions,
        "held_out": {**last["held_out"], "most_frequent_piece_accuracy": _most_frequent_share(held_out, tokenizer)},
        "parameters": model.count_params(),
        "config": dataclasses.asdict(config),
        "corpus": summary.to_dict(),
        "vocabulary_size": len(tokenizer.vocabulary),
        "versions": versions(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }


def _most_frequent_share(held_out: tf.data.Dataset, tokenizer: WordPieceTokenizer) -> float:
    """The masked-LM accuracy of always guessing the piece that is most often right."""
    counts = np.zeros(len(tokenizer.vocabulary))
    for _, labels, weights in held_out.as_numpy_iterator():
        counts += np.bincount(labels["masked_lm"].ravel(), weights["masked_lm"].ravel(), minlength=len(counts))
    return float(counts.max() / counts.sum())
