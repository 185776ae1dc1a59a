"""Pre-training from raw text: the work of `scripts/pretrain.py`."""

import dataclasses
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import logging

import bert_tf
from bert_tf.config import EncoderConfig, PretrainingConfig, read_json, require
from bert_tf.data.corpus import CorpusSummary, check_corpus, survey
from bert_tf.data.pipelines import held_out_dataset, pretraining_dataset
from bert_tf.model_directory import load_model, save_model
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
    vocabulary_size=5000, size="tiny", sequence_length=64, batch_size=32, steps=3000, learning_rate=2e-3,
    adam_beta_2=0.98, initializer_stddev=0.07, dropout=0.0)
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
    _check_folder(output_dir, config, resume)
    keras.utils.set_random_seed(config.seed)
    files = prepare_sentence_files(config, output_dir, keep=resume)
    summary = survey(files, config.held_out_share)
    for warning in check_corpus(summary, config.objective, held_out=True):
        logging.warning(warning)
    strategy = make_strategy(config.strategy)
    keras.config.set_dtype_policy(config.precision)
    with strategy.scope():
        initial = _initial_model(config) if config.init else None
        tokenizer = initial.tokenizer if initial else prepare_tokenizer(config, files, output_dir, keep=resume)
        model = initial or _new_model(config, tokenizer)
        _compile(model, config)
    held_out = _held_out(config, summary, tokenizer)
    logging.info("%s sentences in %s documents, %s of them held out; %s pieces", f"{summary.sentences:,}",
                 f"{summary.documents:,}", f"{summary.held_out_documents:,}", f"{len(tokenizer.vocabulary):,}")
    prepared = time.perf_counter()
    # From here on the folder belongs to this run.
    write_json(dataclasses.asdict(config), output_dir / "run.json")
    log = train(model, lambda done: _batches(config, summary, tokenizer, done), held_out, output_dir,
                _trainer_config(config, resume))
    save_model(model, output_dir, tokenizer=tokenizer)
    report = _report(config, summary, model, tokenizer, log, held_out)
    report["fill_mask"] = fill_held_out_blanks(model, tokenizer, summary, config.seed)
    report["seconds"] = {"preparation": prepared - start, "training": log[-1]["seconds"],
                         "total": time.perf_counter() - start}
    plot_curves(log, output_dir / "curves.png", title=f"{_description(config)}, {config.objective}",
                baseline=report["held_out"]["most_frequent_piece_accuracy"])
    write_json(report, output_dir / "report.json")
    return report


def _check_folder(output_dir: Path, config: PretrainingConfig, resume: bool) -> None:
    """Refuses a folder that holds another run, or, to go on, that holds none of this configuration."""
    run_file = output_dir / "run.json"
    if not resume:
        require(not run_file.exists(), "an `output_dir` without another run (--resume goes on with it)",
                output_dir=str(output_dir))
        output_dir.mkdir(parents=True, exist_ok=True)
        return
    earlier, now = read_json(run_file), dataclasses.asdict(config)
    differing = [name for name in now if earlier.get(name) != now[name]]
    require(not differing, f"--resume with the configuration of the run in {output_dir}",
            **{name: f"{earlier.get(name)!r} then, {now[name]!r} now" for name in differing})


def _description(config: PretrainingConfig) -> str:
    return config.init or f"BERT {config.size}"


def _initial_model(config: PretrainingConfig) -> keras.Model:
    """The model named by `init`, with the heads that the objective needs; heads that it lacks are drawn at random."""
    model = load_model(config.init, bert_tf.BertPretrainer, next_sentence=config.objective != "mlm")
    require(model.tokenizer is not None, "a vocabulary beside the weights of `init`", init=config.init)
    if config.dropouts():
        # Dropout has no variables: the same weights fit.
        model = _with_weights_of(model, dataclasses.replace(model.config, **config.dropouts()))
    # Text of a corpus is text, whatever looks like a special token in it.
    options = model.tokenizer.get_config() | {"keep_special_tokens": False}
    model.tokenizer = WordPieceTokenizer.from_config(options)
    return model


def _with_weights_of(model: keras.Model, config: EncoderConfig) -> keras.Model:
    other = bert_tf.BertPretrainer(**model.get_config() | {"config": config})
    other.tokenizer = model.tokenizer
    for variable, value in zip(other.trainable_variables, model.trainable_variables, strict=True):
        variable.assign(value)
    return other


def _new_model(config: PretrainingConfig, tokenizer: WordPieceTokenizer) -> keras.Model:
    return bert_tf.BertPretrainer(config.encoder(len(tokenizer.vocabulary)), next_sentence=config.objective != "mlm")


def _compile(model: keras.Model, config: PretrainingConfig) -> None:
    limit = model.config.max_sequence_length
    require(config.sequence_length <= limit, f"`sequence_length` not beyond the {limit} rows of the position table",
            sequence_length=config.sequence_length)
    warmup_steps = config.steps // 20 if config.warmup_steps is None else config.warmup_steps
    model.compile(AdamW(
        WarmupLinearDecay(config.learning_rate, config.steps, warmup_steps), weight_decay=config.weight_decay,
        beta_2=config.adam_beta_2))
    logging.info("%s: %s parameters, %s", _description(config), f"{model.count_params():,}", config.precision)


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
