"""Where the examples of a pre-training run come from: one interface for text and for records."""

from pathlib import Path

import keras
import tensorflow as tf
from absl import logging

from bert_tf.config import PretrainingConfig, require
from bert_tf.data.corpus import check_corpus
from bert_tf.data.readers import TFDS_PREFIX
from bert_tf.data.record_files import RecordFiles, find_records, records_tokenizer
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.training.strategy import is_chief, is_multi_worker
from bert_tf.workflows.blanks import fill_held_out_blanks
from bert_tf.workflows.named_tokenizer import named_tokenizer
from bert_tf.workflows.pretraining_batches import RecordBatches, TextBatches
from bert_tf.workflows.pretraining_text import prepare_corpus, prepare_tokenizer


def open_source(config: PretrainingConfig, output_dir: Path, strategy: tf.distribute.Strategy, *,
                keep: bool) -> "TextSource | RecordSource":
    """Looks at what the user named as input.

    Args:
        config: the run.
        output_dir: where text is rewritten to, if need be.
        strategy: the run's.
        keep: take what an earlier part of the run has prepared.

    Raises:
        ValueError: something about the input is wrong.
    """
    if config.records:
        return RecordSource(config, strategy)
    return TextSource(config, output_dir, strategy, keep=keep)


class TextSource:
    """Raw text; arguments as `open_source`."""

    def __init__(self, config: PretrainingConfig, output_dir: Path, strategy: tf.distribute.Strategy, *, keep: bool):
        if is_multi_worker(strategy):
            _check_ready(config)
        self._config, self._output_dir, self._strategy, self._keep = config, output_dir, strategy, keep
        self._summary = prepare_corpus(config, output_dir, keep=keep)
        for warning in check_corpus(self._summary, config.objective, held_out=True):
            logging.warning(warning)
        logging.info("%s sentences in %s documents, %s of them held out", f"{self._summary.sentences:,}",
                     f"{self._summary.documents:,}", f"{self._summary.held_out_documents:,}")

    def tokenizer(self) -> WordPieceTokenizer:
        """The tokeniser of a run that has no initial model."""
        return prepare_tokenizer(self._config, self._summary.files, self._output_dir, keep=self._keep)

    def batches(self, tokenizer: WordPieceTokenizer) -> TextBatches:
        """Masked batches, for training and to evaluate on."""
        return TextBatches(
            self._config, self._summary, tokenizer, positions=self._output_dir / "positions.jsonl",
            notes_positions=is_chief(self._strategy), fixed_length=_wants_fixed_length(self._strategy))

    def describe(self) -> dict:
        """What the report says about the input."""
        return {"corpus": self._summary.to_dict()}

    def fill_blanks(self, model: keras.Model, tokenizer: WordPieceTokenizer) -> list[dict]:
        """Answers to blanks in held-out sentences."""
        return fill_held_out_blanks(model, tokenizer, self._summary, self._config.seed)


class RecordSource:
    """Ready examples; arguments as `open_source`."""

    def __init__(self, config: PretrainingConfig, strategy: tf.distribute.Strategy):
        require(not (config.data_service and is_multi_worker(strategy)), "no `data_service` under several workers, "
                "which must all see the same batches", data_service=config.data_service)
        self._config, self._strategy = config, strategy
        # Those of others are looked for now, too: a wrong pattern is an error before a model is built.
        self._tokenizer = records_tokenizer(config.records)
        self._found: dict[int, RecordFiles] = {}

    def tokenizer(self) -> WordPieceTokenizer:
        """The tokeniser of a run that has no initial model."""
        if self._config.vocabulary:
            return named_tokenizer(self._config)
        require(self._tokenizer is not None, "`vocabulary` or `init` beside records of others",
                records=self._config.records, vocabulary=None)
        return self._tokenizer

    def batches(self, tokenizer: WordPieceTokenizer) -> RecordBatches:
        """Masked batches, for training and to evaluate on."""
        config = self._config
        self._found = {length: find_records(config.records, tokenizer, config.examples(length),
                                            held_out_share=config.held_out_share) for _, length in config.lengths()}
        for length, records in self._found.items():
            logging.info("%s examples of at most %d tokens, %s of them held out",
                         f"{records.num_examples + records.num_held_out:,}", length, f"{records.num_held_out:,}")
        return RecordBatches(config, self._found, tokenizer, fixed_length=_wants_fixed_length(self._strategy))

    def describe(self) -> dict:
        """What the report says about the input."""
        return {"records": [records.to_dict() for records in self._found.values()]}

    def fill_blanks(self, model: keras.Model, tokenizer: WordPieceTokenizer) -> list[dict]:
        """Nothing: there are no sentences to read."""
        return []


def _wants_fixed_length(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.TPUStrategy)


def _check_ready(config: PretrainingConfig) -> None:
    """Several workers read the same text at the same time; none of them prepares it for the others."""
    ready = config.input is not None and config.input_layout == "sentences" and not config.input.startswith(TFDS_PREFIX)
    require(ready, "under several workers an `input` of sentence files that all of them can read (or `records`)",
            input=config.input, input_layout=config.input_layout)
    require(bool(config.vocabulary or config.init), "`vocabulary` or `init` under several workers; "
            "scripts/learn_vocabulary.py learns one", vocabulary=config.vocabulary)
