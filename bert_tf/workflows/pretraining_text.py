"""From what the user named as input to sentence files and a vocabulary, ready for the example pipelines."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from bert_tf.config import PretrainingConfig, read_json
from bert_tf.data.corpus import CorpusSummary, survey
from bert_tf.data.python_docs import write_python_docs
from bert_tf.data.readers import TFDS_PREFIX, ReadCounts, find_files, read_documents, write_sentence_file
from bert_tf.data.vocabulary_learning import learn_vocabulary
from bert_tf.reports.json_file import write_json
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import Vocabulary
from bert_tf.workflows.named_tokenizer import named_tokenizer, word_splitting


def prepare_corpus(config: PretrainingConfig, output_dir: Path, *, keep: bool) -> CorpusSummary:
    """The sentence files of a run, summed up; text in any other layout is rewritten once, to `sentences.txt`.

    That and `sentences.json`, which tells what was dropped on the way, are in `output_dir`. With `keep`, for a run that
    goes on, the files written before are taken.
    """
    if config.input and config.input_layout == "sentences" and not config.input.startswith(TFDS_PREFIX):
        return survey(find_files(config.input), config.held_out_share)
    path, dropped = output_dir / "sentences.txt", output_dir / "sentences.json"
    if not (keep and path.exists() and dropped.exists()):
        write_json(_write_sentences(config, path), dropped)
    return dataclasses.replace(survey([path], config.held_out_share), **read_json(dropped))


def _write_sentences(config: PretrainingConfig, path: Path) -> dict[str, int | str]:
    """Returns what `CorpusSummary` says about lines that are not UTF-8."""
    counts = ReadCounts()
    if config.input is None:
        logging.info("Collecting the documentation of this Python installation in %s", path)
        write_python_docs(path)
    else:
        logging.info("Splitting %s into sentences, written to %s", config.input, path)
        write_sentence_file(read_documents(config.input, config.input_layout, config.language, counts), path)
    return {"lines_not_utf8": counts.lines_not_utf8, "first_line_not_utf8": counts.first_line_not_utf8}


def prepare_tokenizer(config: PretrainingConfig, files: Sequence[str], output_dir: Path, *,
                      keep: bool) -> WordPieceTokenizer:
    """The tokeniser of a run: with the vocabulary that the user named, or with one learned from the text.

    With `keep`, for a run that goes on, the vocabulary learned before is taken.
    """
    if config.vocabulary:
        return named_tokenizer(config)
    path = output_dir / "vocab.txt"
    if not (keep and path.exists()):
        logging.info("Learning a vocabulary of %d pieces", config.vocabulary_size)
        pieces = learn_vocabulary(files, config.vocabulary_size, size_name="vocabulary_size", **word_splitting(config))
        Vocabulary(pieces).save(path)
    return WordPieceTokenizer(path, **word_splitting(config))
