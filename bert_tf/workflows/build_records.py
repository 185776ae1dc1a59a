"""Sentence files -> record files: the work of `scripts/build_records.py`."""

import importlib.util
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tqdm
from absl import logging

from bert_tf.config import PretrainingConfig, RecordsConfig, require
from bert_tf.data.corpus import CorpusSummary, check_corpus, survey
from bert_tf.data.readers import find_files
from bert_tf.data.record_building import build_streaming
from bert_tf.data.shards import INDEX, check_index
from bert_tf.reports.json_file import write_json
from bert_tf.reports.tables import print_table
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.workflows.named_tokenizer import named_tokenizer


def build_records(config: RecordsConfig, output: str, *, workers: int | None = None, runner: str | None = None,
                  runner_flags: Sequence[str] = ()) -> dict[str, Any]:
    """Builds record files for `pretrain.py --records`.

    Args:
        config: the text and how examples are made of it.
        output: a folder that does not exist or is empty; gets the `.tfrecord` files, `vocab.txt` and, when all is done,
            `index.json`. With a runner it may be anything that Beam's file systems know, such as gs://bucket/folder.
        workers: blocks built at a time on this machine; as many as there are cores if not given.
        runner: of Apache Beam, `DirectRunner` for this machine; None streams on this machine without Beam.
        runner_flags: further flags of Beam, such as `--project=...`.

    Returns:
        The index.

    Raises:
        ValueError: something about the input, the vocabulary or the folder is wrong, before any work is done; or the
            text gives no example to train on.
    """
    tokenizer = named_tokenizer(config)
    if runner is not None:
        require(workers is None, "Beam's own flags to set the number of workers", workers=workers)
        require(importlib.util.find_spec("apache_beam") is not None, "Apache Beam: pip install 'bert_tf[beam]'",
                runner=runner)
        from bert_tf.data import beam

        return beam.build_with_beam(config, tokenizer, output, runner, runner_flags)
    folder = Path(output)
    require(not folder.exists() or folder.is_dir() and not any(folder.iterdir()),
            "an `output` that does not exist or is an empty folder", output=output)
    summary = survey(find_files(config.input), config.held_out_share)
    for warning in check_corpus(summary, config.objective, held_out=config.held_out_share > 0):
        logging.warning(warning)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.vocabulary.save(folder / "vocab.txt")
    index = _build_with_progress(summary, tokenizer, config, folder, workers)
    check_index(index)
    # Last: a folder without it is not complete.
    write_json(index, folder / INDEX)
    return index


def _build_with_progress(summary: CorpusSummary, tokenizer: WordPieceTokenizer, config: RecordsConfig, folder: Path,
                         workers: int | None) -> dict[str, Any]:
    with tqdm.tqdm(total=summary.documents, unit=" documents", unit_scale=True, dynamic_ncols=True,
                   mininterval=0.5 if sys.stderr.isatty() else 15.0) as bar:
        index = build_streaming(summary.files, tokenizer, config, folder, summary.held_out_threshold, workers=workers,
                                progress=bar.update)
        bar.update(index["duplicate_documents"])
    return index


def print_records_summary(index: dict[str, Any], output: str) -> None:
    """Prints what `build_records` returns, and what to do next."""
    parts = index["statistics"]
    shards = {part: [shard for shard in index["shards"] if shard["part"] == part] for part in parts}

    def unknown_share(part: str) -> str:
        return f"{parts[part]['unknown_tokens'] / max(parts[part]['tokens'], 1):.3%}"

    def row(name: str, value: Callable[[str], object]) -> tuple:
        return name, *(value(part) for part in parts)

    print_table((output, *(part.replace("_", " ") for part in parts)), [
        row("documents", lambda part: parts[part]["documents"]),
        row("examples", lambda part: parts[part]["examples"]),
        row("tokens", lambda part: parts[part]["tokens"]),
        row("tokens that are [UNK]", unknown_share),
        row("tokens per example", lambda part: f"{parts[part]['lengths']['mean']:.1f}"),
        row("padding, if all were as long as the longest", lambda part: f"{parts[part]['padding_share']:.1%}"),
        row("pairs with label 1", lambda part: f"{parts[part]['random_pair_rate']:.1%}"),
        row("files", lambda part: len(shards[part])),
        row("megabytes", lambda part: f"{sum(shard['bytes'] for shard in shards[part]) / 1e6:,.1f}"),
    ])
    if index["config"]["deduplicate"]:
        print(f"{index['duplicate_documents']:,} documents repeated others and were left out.")
    # What pre-training does not take from the index itself.
    options = "".join(f" --{name}={index['config'][name]}" for name in ("objective", "sequence_length")
                      if index["config"][name] != getattr(PretrainingConfig, name))
    records = shlex.quote(f"{output}/*.tfrecord")
    print(f"Pre-train with them: python scripts/pretrain.py --records={records}{options}")
