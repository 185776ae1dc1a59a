"""The model of a pre-training run, new or initial, compiled."""

import dataclasses
import math
from pathlib import Path

import keras
from absl import logging

import bert_tf
from bert_tf.config import EncoderConfig, PretrainingConfig, require
from bert_tf.model_directory import load_model
from bert_tf.text.new_pieces import read_new_pieces
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.training.lamb import Lamb
from bert_tf.training.optimizer import AdamW
from bert_tf.training.schedule import (
    WarmupConstant,
    WarmupLinearDecay,
    WarmupPolynomialDecay,
    WarmupStableDecay,
)
from bert_tf.weights.vocabulary_extension import extend_vocabulary

_OPTIMIZERS = {"adamw": AdamW, "lamb": Lamb}
_JIT_COMPILE = {"auto": "auto", "on": True, "off": False}


def initial_model(config: PretrainingConfig) -> keras.Model:
    """The model named by `init`, with the heads that the objective needs; heads that it lacks are drawn at random.

    Its `tokenizer` has the pieces of `extend_vocabulary`, too.
    """
    model = load_model(config.init, bert_tf.BertPretrainer, masked_lm=True, next_sentence=config.objective != "mlm")
    require(model.tokenizer is not None, "a vocabulary beside the weights of `init`", init=config.init)
    # Text of a corpus is text, whatever looks like a special token in it.
    options = model.tokenizer.get_config() | {"keep_special_tokens": False}
    model.tokenizer = WordPieceTokenizer.from_config(options)
    if config.dropouts():
        # Dropout has no variables: the same weights fit.
        model = _with_weights_of(model, dataclasses.replace(model.config, **config.dropouts()))
    if config.extend_vocabulary:
        pieces = read_new_pieces(Path(config.extend_vocabulary), model.tokenizer)
        logging.info("The vocabulary grows by %s pieces", f"{len(pieces):,}")
        model = extend_vocabulary(model, pieces)
    return model


def new_model(config: PretrainingConfig, tokenizer: WordPieceTokenizer) -> keras.Model:
    """A model of random weights for the tokeniser's vocabulary."""
    return bert_tf.BertPretrainer(config.encoder(len(tokenizer.vocabulary)), next_sentence=config.objective != "mlm")


def compile_model(model: keras.Model, config: PretrainingConfig) -> None:
    """Compiles for the run, in the scope of its strategy."""
    longest = max(length for _, length in config.lengths())
    limit = model.config.max_sequence_length
    require(longest <= limit, f"`sequence_length` not beyond the {limit} rows of the position table",
            sequence_length=longest)
    devices = model.distribute_strategy.num_replicas_in_sync
    require(config.batch_size % (devices * config.accumulate) == 0, "`batch_size` to be a multiple of the number of "
            "devices times `accumulate`", batch_size=config.batch_size, devices=devices, accumulate=config.accumulate)
    optimizer = _OPTIMIZERS[config.optimizer](
        _schedule(config), weight_decay=config.weight_decay, beta_2=config.adam_beta_2, use_ema=config.ema is not None,
        ema_momentum=config.ema or 0.99)
    model.compile(optimizer, accumulate=config.accumulate, skip_nonfinite=config.on_nan == "skip",
                  jit_compile=_JIT_COMPILE[config.xla], rematerialize=config.rematerialize)
    logging.info("%s: %s parameters, %s", description(config), f"{model.count_params():,}", config.precision)


def description(config: PretrainingConfig) -> str:
    """A few words for titles."""
    return config.init or f"BERT {config.size}"


def guessing_loss(model: keras.Model) -> float:
    """The loss of a model that takes every piece, and every relation of sentences, for equally likely."""
    return math.log(model.config.vocabulary_size) + (math.log(2) if model.next_sentence_head is not None else 0.0)


def _schedule(config: PretrainingConfig) -> keras.optimizers.schedules.LearningRateSchedule:
    run = dict(peak=config.learning_rate, steps=config.steps,
               warmup_steps=config.steps // 20 if config.warmup_steps is None else config.warmup_steps)
    schedules = {
        "linear": WarmupLinearDecay,
        "polynomial": lambda **run: WarmupPolynomialDecay(**run, power=2.0),
        "warmup_stable_decay": WarmupStableDecay,
        "constant": WarmupConstant,
    }
    return schedules[config.schedule](**run)


def _with_weights_of(model: keras.Model, config: EncoderConfig) -> keras.Model:
    other = bert_tf.BertPretrainer(**model.get_config() | {"config": config})
    other.tokenizer, other.kept_config = model.tokenizer, getattr(model, "kept_config", {})
    for variable, value in zip(other.trainable_variables, model.trainable_variables, strict=True):
        variable.assign(value)
    return other
