"""The record files of `record_building.py` built by Apache Beam (extra `[beam]`), for text larger than one machine.

Documents go to groups by a hash of their content, and a group, in the order of these hashes, becomes files of its own.
So the files depend on the text and the settings only, not on the number of workers or on the order in which they read.
Masked-LM examples are those of `record_building.py` in another order; of random pairs the second segments differ.
"""

import hashlib
import json
import math
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from bert_tf.config import RecordsConfig, require
from bert_tf.data import blocks, corpus
from bert_tf.data.beam_sources import Document, SentenceFiles, check_texts, text_sizes
from bert_tf.data.block_reading import joined
from bert_tf.data.record_building import RecordBuilder
from bert_tf.data.shards import INDEX, PARTS, PartStatistics, ShardWriter, check_index, make_index
from bert_tf.text.tokenizer import WordPieceTokenizer

_UNCHECKED_INDEX = f".{INDEX}.unchecked"


def build_with_beam(config: RecordsConfig, tokenizer: WordPieceTokenizer, output: str, runner: str,
                    flags: Sequence[str] = ()) -> dict[str, Any]:
    """Runs the pipeline and waits for it.

    Args:
        config: the text and how examples are made of it.
        tokenizer: text to ids.
        output: a folder on any of Beam's file systems; must not hold anything.
        runner: `DirectRunner` for this machine, or another one of Beam's.
        flags: further flags of Beam.

    Returns:
        The index, which is also written, last.

    Raises:
        ValueError: no input, files that are no text, an output that exists, Beam's mode multi_threading; or, when all
            is read, text that `corpus.check_corpus` refuses or that gives no example to train on.
    """
    sizes = text_sizes(config.input)
    check_texts(sizes)
    require(not any(match.metadata_list for match in FileSystems.match([FileSystems.join(output, "*")])),
            "an `output` that does not exist or is an empty folder", output=output)
    groups = _numbers_of_groups(sum(sizes.values()), config)
    options = PipelineOptions([*flags, f"--runner={runner}"])
    # That mode flushes buffers from a second thread without a lock (seen in 2.77), and so do elements vanish.
    require(options.view_as(DirectOptions).direct_running_mode != "multi_threading",
            "--direct_running_mode=multi_processing, or none; in Beam's multi_threading elements get lost",
            direct_running_mode="multi_threading")
    # The newer DirectRunner downloads a binary; this is the one it was before, which runs in this process.
    with beam.Pipeline(FnApiRunner() if runner == "DirectRunner" else None, options=options) as pipeline:
        texts = [pipeline | f"Read{number}" >> beam.io.Read(SentenceFiles(path)) for number, path in enumerate(sizes)]
        documents = texts | beam.Flatten()
        count = documents | beam.combiners.Count.Globally()
        threshold = documents | beam.CombineGlobally(_Threshold(config.held_out_share))
        built = (documents
                 | "Key" >> beam.Map(_keyed, beam.pvalue.AsSingleton(threshold), groups)
                 | "Group" >> beam.GroupByKey()
                 | "Build" >> beam.ParDo(_BuildGroup(config, tokenizer.get_config(), output)))
        _ = (built | "Sum" >> beam.CombineGlobally(_Summary(config.sequence_length))
             | "Index" >> beam.Map(_write_unchecked_index, beam.pvalue.AsSingleton(count), config,
                                   tokenizer.get_config(), output))
    unchecked = FileSystems.join(output, _UNCHECKED_INDEX)
    with FileSystems.open(unchecked) as file:
        index = json.loads(file.read())
    _check(index, config, list(sizes))
    FileSystems.rename([unchecked], [FileSystems.join(output, INDEX)])
    return index


def _check(index: dict[str, Any], config: RecordsConfig, files: list[str]) -> None:
    """As on one machine; here rather than in the pipeline, whose runners wrap errors."""
    documents = {part: index["statistics"][part]["documents"] for part in PARTS}
    summary = corpus.CorpusSummary(tuple(files), documents=sum(documents.values()) + index["duplicate_documents"],
                                   held_out_documents=documents["held_out"])
    corpus.check_corpus(summary, config.objective, held_out=config.held_out_share > 0)
    check_index(index)


def _numbers_of_groups(num_bytes: int, config: RecordsConfig) -> dict[str, int]:
    """Of each part; records take less space than their text, so a group fits into a file."""
    shares = dict(zip(PARTS, (1 - config.held_out_share, config.held_out_share), strict=True))
    return {part: max(1, math.ceil(num_bytes * share / config.shard_bytes)) for part, share in shares.items()}


def _keyed(document: Document, threshold: int,
           groups: dict[str, int]) -> tuple[tuple[str, int], tuple[bytes, tuple[bytes, ...]]]:
    """`((part, number of the group in it), (hash, lines))`."""
    _, lines = document
    digest = hashlib.blake2b(b"\n".join(lines), digest_size=16).digest()
    part = PARTS[int(corpus.document_hash(lines[0]) < threshold)]
    return (part, int.from_bytes(digest[:8], "big") % groups[part]), (digest, lines)


class _Threshold(beam.CombineFn):
    """Documents -> the threshold of `corpus.survey`; accumulates first lines and the number of documents."""

    def __init__(self, share: float):
        self._share = share

    def create_accumulator(self):
        return [], 0

    def add_input(self, accumulator, document: Document):
        first_lines, count = accumulator
        if document[0] == 0:
            count += 1
            if count <= corpus.MAX_HASHES:
                first_lines.append(document[1][0])
        return first_lines, count

    def merge_accumulators(self, accumulators):
        first_lines, count = [], 0
        for lines, number in accumulators:
            first_lines.extend(lines)
            count += number
        return first_lines[:corpus.MAX_HASHES], count

    def extract_output(self, accumulator) -> int:
        first_lines, count = accumulator
        if count > corpus.MAX_HASHES:
            return corpus.rough_threshold(self._share)
        hashes = corpus.document_hash(first_lines).numpy() if first_lines else np.zeros(0, np.int64)
        return corpus.exact_threshold(hashes, self._share)


class _BuildGroup(beam.DoFn):
    """The documents of a group -> files, and what is to be said about them."""

    def __init__(self, config: RecordsConfig, tokenizer: dict[str, Any], output: str):
        self._config, self._tokenizer, self._output = config, tokenizer, output

    def setup(self):
        self._builder = RecordBuilder(WordPieceTokenizer.from_config(self._tokenizer), self._config)

    def process(self, element) -> Iterator[dict[str, Any]]:
        (part, number), group = element
        documents = sorted(group)
        given = len(documents)
        if self._config.deduplicate:
            documents = list(dict.fromkeys(documents))
        shards, statistics = self._write(f"{part}-{number:05d}", [lines for _, lines in documents])
        yield {"duplicates": given - len(documents), "shards": {part: shards}, "statistics": {part: statistics}}

    def _write(self, name: str, documents: list[tuple[bytes, ...]]) -> tuple[list[dict], PartStatistics]:
        statistics = PartStatistics.empty(self._config.sequence_length)
        with tempfile.TemporaryDirectory() as folder:
            with ShardWriter(Path(folder), name, self._config.shard_bytes, self._config.compression) as writer:
                for lines, document in _blocks(documents):
                    records = self._builder.build(lines, document)
                    writer.write(records.serialized.numpy())
                    statistics += records.statistics(self._config.sequence_length)
            for shard in writer.shards:
                _copy(Path(folder, shard["file"]), FileSystems.join(self._output, shard["file"]))
        return writer.shards, statistics


def _blocks(documents: list[tuple[bytes, ...]]) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Documents -> `(lines, document)` for `RecordBuilder.build`, a block of whole ones together, two at least."""
    start = num_lines = 0
    for end, document in enumerate(documents, start=1):
        num_lines += len(document)
        if (num_lines >= blocks.LINES_PER_BLOCK and end - start > 1) or end == len(documents):
            yield joined(documents[start:end])
            start, num_lines = end, 0


def _copy(source: Path, target: str) -> None:
    """To any of Beam's file systems; `target` appears when it is whole."""
    folder, name = FileSystems.split(target)
    unfinished = FileSystems.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.unfinished")
    with source.open("rb") as file, FileSystems.create(
            unfinished, compression_type=CompressionTypes.UNCOMPRESSED) as copy:
        shutil.copyfileobj(file, copy)
    FileSystems.rename([unfinished], [target])


class _Summary(beam.CombineFn):
    """Adds up what the groups say."""

    def __init__(self, sequence_length: int):
        self._sequence_length = sequence_length

    def create_accumulator(self) -> dict[str, Any]:
        return {"duplicates": 0, "shards": {part: [] for part in PARTS},
                "statistics": {part: PartStatistics.empty(self._sequence_length) for part in PARTS}}

    def add_input(self, accumulator: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
        return self.merge_accumulators([accumulator, summary])

    def merge_accumulators(self, accumulators: Iterable[dict[str, Any]]) -> dict[str, Any]:
        total = self.create_accumulator()
        for summary in accumulators:
            total["duplicates"] += summary["duplicates"]
            for part in summary["shards"]:
                total["shards"][part] = total["shards"][part] + summary["shards"][part]
                total["statistics"][part] += summary["statistics"][part]
        return total

    def extract_output(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        return accumulator


def _write_unchecked_index(summary: dict[str, Any], documents: int, config: RecordsConfig, tokenizer: dict[str, Any],
                           output: str) -> None:
    built = sum(statistics.documents for statistics in summary["statistics"].values()) + summary["duplicates"]
    require(built == documents, "Beam to bring every document that was read to the files", read=documents, built=built)
    tokenizer = WordPieceTokenizer.from_config(tokenizer)
    shards = {part: sorted(shards, key=lambda shard: shard["file"]) for part, shards in summary["shards"].items()}
    index = make_index(config, tokenizer, shards, summary["statistics"], summary["duplicates"])
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.vocabulary.save(Path(folder, "vocab.txt"))
        _copy(Path(folder, "vocab.txt"), FileSystems.join(output, "vocab.txt"))
        Path(folder, INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        _copy(Path(folder, INDEX), FileSystems.join(output, _UNCHECKED_INDEX))
