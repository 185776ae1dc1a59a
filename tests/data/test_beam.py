import collections
import gzip
import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data import blocks, corpus
from bert_tf.data.shards import PARTS
from bert_tf.text.tokenizer import WordPieceTokenizer
from tests.checks import data_file
from tests.data.record_corpus import config, tokenizer, write_corpus, write_records

pytest.importorskip("apache_beam")

from apache_beam.io import source_test_utils  # noqa: E402

from bert_tf.data.beam import build_with_beam  # noqa: E402
from bert_tf.data.beam_sources import SentenceFiles  # noqa: E402

TWO_WORKERS = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


@pytest.fixture
def folder(tmp_path):
    write_corpus(tmp_path)
    return tmp_path


def build(folder, name, *flags, **changes):
    return build_with_beam(config(folder, **changes), tokenizer(), str(folder / name), "DirectRunner", flags)


def records(folder, part):
    index = json.loads((folder / "index.json").read_text())
    compression = "GZIP" if index["config"]["compression"] == "gzip" else ""
    return collections.Counter(
        record for shard in index["shards"] if shard["part"] == part
        for record in tf.data.TFRecordDataset(str(folder / shard["file"]), compression).as_numpy_iterator())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(source):
    return list(source.read(source.get_range_tracker(None, None)))


def test_masked_lm_examples_are_those_of_the_stream(folder):
    streamed = write_records(folder, folder / "streamed", objective="mlm")
    built = build(folder, "beam", objective="mlm")
    for part in PARTS:
        assert records(folder / "streamed", part) == records(folder / "beam", part)
    assert built["statistics"] == streamed["statistics"] and built["duplicate_documents"] == 0
    assert {name: built[name] for name in built if name not in ("shards", "config")} == {
        name: streamed[name] for name in streamed if name not in ("shards", "config")}
    assert (folder / "beam" / "vocab.txt").read_bytes() == (folder / "streamed" / "vocab.txt").read_bytes()
    assert all(shard["bytes"] <= 10_000 for shard in built["shards"])


def test_the_files_are_the_same_with_another_number_of_workers(folder):
    build(folder, "one", compression="gzip")
    build(folder, "two", *TWO_WORKERS, compression="gzip")
    assert contents(folder / "one") == contents(folder / "two")
    assert len(contents(folder / "one")) > 6


def test_repeated_documents_are_left_out(folder):
    text = (folder / "a.txt").read_text()
    with gzip.open(folder / "c.txt.gz", "wt") as file:
        file.write(text)
    index = build(folder, "beam", input=f"{folder}/[ab].txt, {folder}/c.txt.gz", objective="mlm", deduplicate=True)
    once = build(folder, "once", objective="mlm")
    assert index["duplicate_documents"] == 100
    documents = [index["statistics"][part]["documents"] for part in PARTS]
    assert sum(documents) == sum(once["statistics"][part]["documents"] for part in PARTS) == 200


def test_documents_are_those_that_the_text_pipeline_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LONGEST_DOCUMENT", 4)
    path = tmp_path / "odd.txt"
    path.write_bytes(b"\n \n\xef\xbb\xbfone\r\ntwo \n\n\t\n\nthree\n\nfour\nfive\nsix\nseven\neight\nnine\n\n\n"
                     b"ten\neleven")
    expected = []
    for block in blocks.text_blocks([path]).as_numpy_iterator():
        lines, document = blocks.number_documents(tf.constant(block, tf.string))
        expected += [tuple(lines.numpy()[document == number]) for number in np.unique(document)]
    found = read(SentenceFiles(str(path)))
    assert [lines for _, lines in found] == expected and len(expected) == 5
    assert [part for part, _ in found] == [0, 0, 0, 1, 0]


def test_a_file_can_be_read_in_parts(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"a\nbb\n\nccc\n \n\nd\n\n\ne\nf\n\ng")
    whole = read(SentenceFiles(str(path)))
    assert [lines for _, lines in whole] == [(b"a", b"bb"), (b"ccc",), (b"d",), (b"e", b"f"), (b"g",)]
    for size in range(1, 25):
        parts = [(part.source, part.start_position, part.stop_position)
                 for part in SentenceFiles(str(path)).split(size)]
        source_test_utils.assert_sources_equal_reference_source((SentenceFiles(str(path)), None, None), parts)
    source_test_utils.assert_split_at_fraction_exhaustive(SentenceFiles(str(path)))


def test_many_documents_are_held_out_by_a_rough_threshold(folder, monkeypatch):
    monkeypatch.setattr(corpus, "MAX_HASHES", 50)
    streamed = write_records(folder, folder / "streamed", objective="mlm", held_out_share=0.3)
    built = build(folder, "beam", objective="mlm", held_out_share=0.3)
    assert built["statistics"] == streamed["statistics"] and built["statistics"]["held_out"]["documents"] > 30


def test_bad_input_is_refused_before_anything_runs(folder):
    with pytest.raises(ValueError, match="a pattern that matches files. Received: pattern='/none"):
        build(folder, "beam", input="/none/*.txt")
    with pytest.raises(ValueError, match="Expected at least one file name or pattern. Received: input=''"):
        build(folder, "beam", input=" ,")
    (folder / "full").mkdir()
    (folder / "full" / "index.json").write_text("{}")
    with pytest.raises(ValueError, match="an `output` that does not exist or is an empty folder"):
        build(folder, "full")
    with pytest.raises(ValueError, match="in Beam's multi_threading elements get lost"):
        build(folder, "beam", "--direct_num_workers=2", "--direct_running_mode=multi_threading")


@pytest.mark.parametrize(("name", "content", "message"), [
    ("utf16.txt", "Text.".encode("utf-16"), r"Expected UTF-8 in .*/utf16\.txt. Received: encoding='UTF-16 or UTF-32'"),
    ("utf16.txt.gz", gzip.compress("Text.".encode("utf-16")), r"Expected UTF-8 in .*/utf16\.txt\.gz. Received"),
    ("gzip.txt", gzip.compress(b"Text."), r"Expected text in .*gzip\.txt \(gzip data needs a name that ends in \.gz\)"),
    ("plain.txt.gz", b"Text.", r"Expected whole gzip data in .*plain\.txt\.gz. Received: "),
], ids=["utf16", "utf16_in_gzip", "gzip", "plain"])  # gzip holds the time, and all processes need the same names
def test_files_that_are_no_text_are_refused_before_anything_runs(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        build(folder, "beam", input=f"{folder}/a.txt,{folder}/{name}")
    assert not (folder / "beam").exists()


@pytest.mark.parametrize(("text", "objective", "message"), [
    ("\n\n", "nsp", r"Expected text. Received: files=\['.*text\.txt'\], documents=0"),
    ("w1\nw2\n", "nsp", "at least 2 documents, since next-sentence prediction"),
    ("w1\nw2\n\nw3\nw4\n\nw5\nw6", "mlm", "at least 4 documents, to hold some out .*Received: documents=3"),
    ("w1\nw2\n\n" * 5, "mlm", "documents with different first lines, .*Received: documents=5, held_out_documents=0"),
    ("\n\n".join(f"w{number} w1" for number in range(20)), "sop",
     "at least one `sop` example to train on. Received: .*train_documents=18, held_out_documents=2"),
])
def test_text_that_cannot_be_trained_on_leaves_no_index(tmp_path, text, objective, message):
    (tmp_path / "text.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        build(tmp_path, "beam", input=f"{tmp_path}/text.txt", objective=objective)
    assert not (tmp_path / "beam" / "index.json").exists()


@pytest.mark.slow
def test_real_korean_text_gives_equal_sets_and_statistics(tmp_path):
    lines = data_file("pretrain", "ko", "wikipedia.txt").read_bytes().split(b"\n")[:16_000]
    for name, part in (("a.txt", lines[:8000]), ("b.txt", lines[8000:])):
        (tmp_path / name).write_bytes(b"\n".join(part))
    path = data_file("vocab", "bert-base-multilingual-cased-vocab.txt")
    korean = WordPieceTokenizer(path, lowercase=False)
    for objective in ("mlm", "nsp"):
        changes = dict(objective=objective, vocabulary=str(path), lowercase=False, sequence_length=128,
                       shard_megabytes=0.5)
        settings = config(tmp_path, **changes)
        streamed = write_records(tmp_path, tmp_path / f"{objective}-streamed", korean, **changes)
        built = [build_with_beam(settings, korean, str(tmp_path / f"{objective}-{number}"), "DirectRunner", flags)
                 for number, flags in enumerate(((), TWO_WORKERS))]
        assert contents(tmp_path / f"{objective}-0") == contents(tmp_path / f"{objective}-1")
        for part in PARTS:
            if objective == "mlm":
                assert records(tmp_path / "mlm-streamed", part) == records(tmp_path / "mlm-0", part)
            ours, theirs = streamed["statistics"][part], built[0]["statistics"][part]
            for name in ("documents", "examples", "tokens", "random_pair_rate"):
                assert theirs[name] == pytest.approx(ours[name], rel=0.005), (part, name)
            assert theirs["lengths"]["mean"] == pytest.approx(ours["lengths"]["mean"], rel=0.005)
            assert theirs["padding_share"] == pytest.approx(ours["padding_share"], abs=0.005)
