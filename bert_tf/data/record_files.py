"""Which record files there are, ours or those of others, checked before any training time is spent."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bert_tf.config import ExampleConfig, read_json, require
from bert_tf.data.corpus import HASH_BUCKETS
from bert_tf.data.foreign_records import count_sides
from bert_tf.data.readers import find_files, matches_pattern, separate_patterns
from bert_tf.data.record_format import ForeignLayout
from bert_tf.data.shards import INDEX, INDEX_KEYS, PARTS, tokenizer_settings, vocabulary_sha256
from bert_tf.text.tokenizer import WordPieceTokenizer


@dataclasses.dataclass(frozen=True)
class RecordFile:
    """One file of one part.

    Attributes:
        path: the file.
        examples: of that part.
        compression: "GZIP" or "".
    """

    path: str
    examples: int
    compression: str


@dataclasses.dataclass(frozen=True)
class RecordFiles:
    """Checked record files of one sequence length.

    Attributes:
        train: files to train on.
        held_out: files to evaluate on.
        examples: what the examples are read as.
        foreign: the layout of Google's or Model Garden's files; None for ours.
        held_out_threshold: in foreign files, records whose hash lies below are held out; they are in both lists then.
    """

    train: tuple[RecordFile, ...]
    held_out: tuple[RecordFile, ...]
    examples: ExampleConfig
    foreign: ForeignLayout | None = None
    held_out_threshold: int = 0

    @property
    def num_examples(self) -> int:
        """Examples to train on."""
        return sum(file.examples for file in self.train)

    @property
    def num_held_out(self) -> int:
        """Examples to evaluate on."""
        return sum(file.examples for file in self.held_out)

    def to_dict(self) -> dict[str, Any]:
        """What a report says about the files."""
        return {"files": sorted({file.path for file in (*self.train, *self.held_out)}),
                "examples": self.num_examples, "held_out_examples": self.num_held_out,
                "sequence_length": self.examples.sequence_length, "foreign": self.foreign is not None}


def find_records(patterns: str, tokenizer: WordPieceTokenizer, examples: ExampleConfig, *,
                 held_out_share: float = 0.02) -> RecordFiles:
    """The record files that comma-separated patterns match, checked before any training time is spent.

    Files of build_records.py are known by the `index.json` beside them. Of several lengths those of
    `examples.sequence_length` are taken. Other files are read once, to count their records and to find damage.

    Args:
        patterns: such as `records/*.tfrecord`.
        tokenizer: of the model to be trained.
        examples: the sequence length and the objective of the training.
        held_out_share: share of the records that is held out; of no effect on our own files, which are divided already.

    Raises:
        ValueError: nothing matches; a file is cut off or missing; files were built with another vocabulary, another
            tokeniser or other lengths, or without what the objective needs; nothing is held out. It names the file.
    """
    paths = find_files(patterns)
    indexes = _indexes(paths)
    if not indexes:
        return _foreign_files(paths, tokenizer, examples, held_out_share)
    strangers = [str(path) for path in paths if path.parent not in indexes]
    require(not strangers, f"{INDEX} beside every record file, or beside none", files=strangers)
    chosen = {}
    for folder, index in indexes.items():
        _check_tokenizer(folder / INDEX, index, tokenizer)
        if index["config"]["sequence_length"] == examples.sequence_length:
            chosen[folder] = index
    require(bool(chosen), f"record files with `sequence_length` {examples.sequence_length}",
            **{str(folder / INDEX): index["config"]["sequence_length"] for folder, index in indexes.items()})
    files = {part: [] for part in PARTS}
    for folder, index in chosen.items():
        _check_objective(folder / INDEX, index["config"]["objective"], examples.objective)
        for part, file in _checked_shards(folder, index, [path for path in paths if path.parent == folder], patterns):
            files[part].append(file)
    records = RecordFiles(tuple(files["train"]), tuple(files["held_out"]), examples)
    return _check_both_sides(records, patterns)


def records_tokenizer(patterns: str) -> WordPieceTokenizer | None:
    """The tokeniser that our record files were built with; None for files of others, which do not tell.

    Raises:
        ValueError: nothing matches, or two folders were built with different tokenisers.
    """
    indexes = _indexes(find_files(patterns))
    if not indexes:
        return None
    folder, index = next(iter(indexes.items()))
    tokenizer = WordPieceTokenizer(folder / "vocab.txt", **index["tokenizer"])
    for other, index in indexes.items():
        _check_tokenizer(other / INDEX, index, tokenizer)
    return tokenizer


def _indexes(paths: list[Path]) -> dict[Path, dict]:
    """The index of each folder that has one."""
    indexes = {folder: read_json(folder / INDEX) for folder in dict.fromkeys(path.parent for path in paths)
               if (folder / INDEX).exists()}
    for folder, index in indexes.items():
        missing = [key for key in INDEX_KEYS if key not in index]
        require(not missing, f"an {INDEX} of build_records.py beside record files, or none: {folder / INDEX}",
                missing=missing)
    return indexes


def _check_tokenizer(source: Path, index: dict, tokenizer: WordPieceTokenizer) -> None:
    require(index["vocabulary_sha256"] == vocabulary_sha256(tokenizer.vocabulary),
            f"records built with the vocabulary of this run, {tokenizer.vocabulary.source}",
            records=str(source), pieces=index["vocabulary_size"], pieces_of_this_run=len(tokenizer.vocabulary))
    ours = tokenizer_settings(tokenizer)
    differing = {name: f"{value!r} there, {ours[name]!r} here" for name, value in index["tokenizer"].items()
                 if value != ours[name]}
    require(not differing, f"the tokeniser settings that {source} names", **differing)


def _check_objective(source: Path | str, built: str, wanted: str) -> None:
    require(wanted in (built, "mlm"), f"records built for --objective={wanted}", records=str(source), objective=built)


def _checked_shards(folder: Path, index: dict, paths: list[Path],
                    patterns: str) -> Iterator[tuple[str, RecordFile]]:
    """`(part, file)` of the shards that the user's patterns match."""
    compression = "GZIP" if index["config"]["compression"] == "gzip" else ""
    sizes = {path.name: path.stat().st_size for path in paths}
    known = {shard["file"] for shard in index["shards"]}
    require(set(sizes) <= known, f"files that {folder / INDEX} names", files=sorted(set(sizes) - known))
    for shard in index["shards"]:
        path = folder / shard["file"]
        if path.name not in sizes:
            wanted = any(matches_pattern(path, pattern) for pattern in separate_patterns(patterns))
            require(not wanted or path.exists(), f"the file {path}, which {INDEX} names", exists=False)
            continue
        require(sizes[path.name] == shard["bytes"], f"the whole file {path} of {shard['bytes']} bytes",
                bytes=sizes[path.name])
        yield shard["part"], RecordFile(str(path), shard["examples"], compression)


def _foreign_files(paths: list[Path], tokenizer: WordPieceTokenizer, examples: ExampleConfig,
                   held_out_share: float) -> RecordFiles:
    threshold = round(held_out_share * HASH_BUCKETS)
    layout, train, held_out = None, [], []
    for path in paths:
        first, compression, counts = count_sides(path, threshold)
        found = ForeignLayout.of(first, str(path))
        require(layout in (None, found), f"record files of one layout; {paths[0]} has {layout}", file=str(path),
                layout=found)
        layout = found
        require(layout.sequence_length == examples.sequence_length, f"records with `sequence_length` "
                f"{examples.sequence_length}", file=str(path), sequence_length=layout.sequence_length)
        _check_objective(path, "nsp" if layout.has_labels else "mlm", examples.objective)
        for files, count in zip((train, held_out), counts, strict=True):
            files.append(RecordFile(str(path), count, compression))
    records = RecordFiles(tuple(train), tuple(held_out), examples, layout, threshold)
    return _check_both_sides(records, ",".join(map(str, paths)))


def _check_both_sides(records: RecordFiles, patterns: str) -> RecordFiles:
    require(records.num_examples > 0, "records to train on", records=patterns, examples=0)
    require(records.num_held_out > 0, "held-out records to evaluate on (build them with --held_out_share)",
            records=patterns, held_out_examples=0)
    return records
