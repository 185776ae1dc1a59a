import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data import windows
from bert_tf.data.record_files import find_records, records_tokenizer
from bert_tf.data.records import held_out_records, records_dataset
from bert_tf.text.tokenizer import WordPieceTokenizer
from tests.data.record_corpus import PIECES, tokenizer, write_corpus, write_records

MASKING = MaskingConfig()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_corpus(folder)
    write_records(folder, folder / "nsp")
    return folder


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(windows, "SHORTEST", 16)
    monkeypatch.setattr(windows, "LONGEST", 64)


def find(folder, objective="nsp", sequence_length=32, **options):
    return find_records(f"{folder}/*.tfrecord", tokenizer(), ExampleConfig(sequence_length, objective), **options)


def take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def assert_equal(one, other):
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def originals(batch):
    """The rows of a batch without their masks, as tuples of ids without padding."""
    inputs, labels, weights = batch
    ids = inputs["token_ids"].copy()
    rows, slots = np.nonzero(weights["masked_lm"])
    ids[rows, inputs["masked_positions"][rows, slots]] = labels["masked_lm"][rows, slots]
    return [tuple(row[:length]) for row, length in zip(ids, inputs["padding_mask"].sum(1), strict=True)]


def stored(folder, part, compression=""):
    index = json.loads((folder / "index.json").read_text())
    for shard in index["shards"]:
        if shard["part"] == part:
            for record in tf.data.TFRecordDataset(str(folder / shard["file"]), compression).as_numpy_iterator():
                features = tf.train.Example.FromString(record).features.feature
                yield tuple(features["token_ids"].int64_list.value)


def test_each_pass_gives_every_example_once_in_another_order_and_masks_it_anew(folder, monkeypatch):
    monkeypatch.setattr(windows, "LONGEST", 1)
    records = find(folder / "nsp")
    expected = sorted(stored(folder / "nsp", "train"))
    count = records.num_examples
    assert count == len(expected) > 300 and len(records.train) > 2
    got = take(records_dataset(records, tokenizer(), MASKING, batch_size=1, seed=5), 2 * count)
    rows = [row for batch in got for row in originals(batch)]
    assert sorted(rows[:count]) == sorted(rows[count:]) == expected
    assert rows[:count] != rows[count:]
    masked = {inputs["token_ids"].tobytes() for inputs, _, _ in got}
    assert len(masked) > 0.9 * len(rows)
    assert {label for _, labels, _ in got for label in labels["next_sentence"]} == {0, 1}


@pytest.mark.parametrize("compression", [pytest.param("none", marks=pytest.mark.slow), "gzip"])
def test_goes_on_at_any_batch(folder, tmp_path, small_windows, compression):
    write_records(folder, tmp_path / "x", compression=compression)
    records = find(tmp_path / "x")

    def build(first):
        return records_dataset(records, tokenizer(), MASKING, batch_size=16, seed=1, first_batch=first)

    whole = take(build(0), 3 * records.num_examples // 16)
    for first in (1, 9, len(whole) // 3, len(whole) // 2, len(whole) - 3):
        assert_equal(take(build(first), 3), whole[first:first + 3])
    other_seed = take(records_dataset(records, tokenizer(), MASKING, batch_size=16, seed=2), 1)
    assert originals(other_seed[0]) != originals(whole[0])


def test_batches_look_like_those_from_text(folder):
    from bert_tf.data.pipelines import pretraining_dataset

    records = records_dataset(find(folder / "nsp"), tokenizer(), MASKING, batch_size=8)
    text = pretraining_dataset([folder / "a.txt"], tokenizer(), ExampleConfig(32), MASKING, batch_size=8)
    assert tf.nest.map_structure(lambda a, b: (a.dtype, a.shape.as_list()) == (b.dtype, b.shape.as_list()),
                                 records.element_spec, text.element_spec)
    for inputs, labels, weights in take(records, 20):
        # [SEP] ends each segment; segment ids change behind the first.
        ids = originals((inputs, labels, weights))
        for row, segments in zip(ids, inputs["segment_ids"], strict=True):
            first = row.index(3) + 1
            assert segments[:len(row)].tolist() == [0] * first + [1] * (len(row) - first)


def test_held_out_examples_are_others_than_those_trained_on(folder):
    records = find(folder / "nsp")
    held_out = held_out_records(records, tokenizer(), MASKING, batch_size=8, max_examples=1000)
    got = list(held_out.as_numpy_iterator())
    assert held_out.cardinality() == len(got) == -(-records.num_held_out // 8)
    assert sum(weights["next_sentence"].sum() for _, _, weights in got) == records.num_held_out
    assert {row for batch in got for row in originals(batch) if len(row) > 1} >= set(stored(folder / "nsp", "held_out"))
    assert_equal(list(held_out.as_numpy_iterator()), got)
    few = held_out_records(records, tokenizer(), MASKING, batch_size=8, max_examples=10)
    assert sum(weights["next_sentence"].sum() for _, _, weights in few.as_numpy_iterator()) == 10


def test_all_shapes_of_an_epoch_are_static_for_tpus(folder, small_windows):
    records = find(folder / "nsp")
    options = dict(batch_size=8, fixed_length=True)
    training = records_dataset(records, tokenizer(), MASKING, **options)
    held_out = held_out_records(records, tokenizer(), MASKING, max_examples=100, **options)
    for dataset, count in ((training, records.num_examples // 8 + 1), (held_out, int(held_out.cardinality()))):
        specs = tf.nest.flatten(dataset.element_spec)
        assert {spec.dtype for spec in specs} == {tf.int32, tf.float32}
        assert dataset.element_spec[0]["token_ids"].shape == (8, 32)
        assert dataset.element_spec[0]["masked_positions"].shape == (8, 5)
        shapes = [[array.shape for array in tf.nest.flatten(batch)] for batch in take(dataset, count)]
        assert shapes == [[tuple(spec.shape) for spec in specs]] * count


def test_records_of_pairs_serve_masked_lm_alone(folder):
    _, labels, _ = records_dataset(find(folder / "nsp", "mlm"), tokenizer(), MASKING, batch_size=8).element_spec
    assert set(labels) == {"masked_lm"}


def test_the_tokeniser_comes_with_the_records(folder):
    found = records_tokenizer(f"{folder}/nsp/*.tfrecord")
    assert found.vocabulary.pieces == tuple(PIECES) and found.lowercase
    find_records(f"{folder}/nsp/*.tfrecord", found, ExampleConfig(32))


def test_records_of_several_lengths(folder, tmp_path):
    write_records(folder, tmp_path / "short", sequence_length=16)
    patterns = f"{folder}/nsp/*.tfrecord,{tmp_path}/short/*.tfrecord"
    for length, place in ((32, "nsp"), (16, "short")):
        records = find_records(patterns, tokenizer(), ExampleConfig(length))
        assert all(f"/{place}/" in file.path for file in records.train)
    with pytest.raises(ValueError, match=r"`sequence_length` 64. Received: .*index\.json=32, .*short/index\.json=16"):
        find_records(patterns, tokenizer(), ExampleConfig(64))


@pytest.mark.parametrize(("damage", "message"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-100]),
     r"the whole file .*train-00001\.tfrecord of \d+ bytes. Received: bytes=\d+"),
    (lambda path: path.unlink(), r"the file .*train-00001\.tfrecord, which index\.json names"),
    (lambda path: path.rename(path.with_name("other.tfrecord")), r"files that .*index\.json names.*other\.tfrecord"),
    (lambda path: (path.parent / "index.json").unlink(), r"index\.json beside .*held_out-00000\.tfrecord"),
    (lambda path: (path.parent / "index.json").write_text('{"config": {}, "shards": []}'),
     r"build_records\.py .*/x/index\.json. Received: missing=\['vocabulary_size', 'vocabulary_sha256', 'tokenizer'\]"),
])
def test_damage_is_named_before_training(folder, tmp_path, damage, message):
    write_records(folder, tmp_path / "x")
    damage(tmp_path / "x" / "train-00001.tfrecord")
    with pytest.raises(ValueError, match=message):
        find(tmp_path / "x")


@pytest.mark.parametrize("pattern", ["./x/*.tfrecord", "~/x/*.tfrecord", "{0}//x/*.tfrecord", "x/**/*.tfrecord",
                                     "**/x/train-*"])
def test_a_missing_file_is_noticed_however_the_pattern_is_written(folder, tmp_path, monkeypatch, pattern):
    write_records(folder, tmp_path / "x")
    (tmp_path / "x" / "train-00001.tfrecord").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"the file .*x/train-00001\.tfrecord, which index\.json names"):
        find_records(pattern.format(tmp_path), tokenizer(), ExampleConfig(32))


def test_files_that_no_pattern_matches_may_be_missing(folder, tmp_path):
    write_records(folder, tmp_path / "x")
    write_records(folder, tmp_path / "x" / "held_out")
    for path in (tmp_path / "x" / "held_out").glob("train-*"):
        path.unlink()
    records = find_records(f"{tmp_path}/x/*.tfrecord,{tmp_path}/x/held_out/held_out-*", tokenizer(), ExampleConfig(32))
    assert len(records.held_out) == 2 * len(list((tmp_path / "x").glob("held_out-*")))


def test_other_settings_are_named_before_training(folder, tmp_path):
    pattern = f"{folder}/nsp/*.tfrecord"
    with pytest.raises(ValueError, match=r"the vocabulary of this run.*nsp/index\.json', pieces=205, .*=206"):
        find_records(pattern, WordPieceTokenizer([*PIECES, "more"]), ExampleConfig(32))
    with pytest.raises(ValueError, match=r"settings that .*index\.json names. Received: lowercase='True there, False"):
        find_records(pattern, WordPieceTokenizer(PIECES, lowercase=False), ExampleConfig(32))
    with pytest.raises(ValueError, match=r"`sequence_length` 16. Received: .*index\.json=32"):
        find_records(pattern, tokenizer(), ExampleConfig(16))
    with pytest.raises(ValueError, match=r"--objective=sop. Received: .*objective='nsp'"):
        find_records(pattern, tokenizer(), ExampleConfig(32, "sop"))
    with pytest.raises(ValueError, match="a pattern that matches files"):
        find_records(f"{folder}/none/*.tfrecord", tokenizer(), ExampleConfig(32))
    write_records(folder, tmp_path / "all", held_out_share=0.0)
    with pytest.raises(ValueError, match="held-out records to evaluate on"):
        find(tmp_path / "all")
    with pytest.raises(ValueError, match="records that hold masks"):
        records_dataset(find(folder / "nsp"), tokenizer(), MASKING, batch_size=8, keep_masks=True)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_data_service_gives_the_batches(folder, small_windows, num_workers):
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    address = dispatcher.target.split("://")[1]
    workers = [service.WorkerServer(service.WorkerConfig(dispatcher_address=address)) for _ in range(num_workers)]
    records = find(folder / "nsp")
    batches = take(records_dataset(records, tokenizer(), MASKING, batch_size=8, service=dispatcher.target), 40)
    if num_workers == 1:
        assert_equal(batches, take(records_dataset(records, tokenizer(), MASKING, batch_size=8), 40))
    rows = [row for batch in batches for row in originals(batch)]
    assert set(rows) <= set(stored(folder / "nsp", "train"))
    # Nobody gives out what another one has given out.
    masked = [row.tobytes() for inputs, _, _ in batches for row in inputs["token_ids"]]
    assert len(set(masked)) > 0.9 * len(masked)
    del workers
