import collections

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import MaskingConfig, RecordsConfig
from bert_tf.data.corpus import survey
from bert_tf.data.pipelines import held_out_dataset
from bert_tf.data.record_building import _SeenKeys, build_streaming
from bert_tf.data.shards import PARTS, check_index
from tests.data.record_corpus import config, tokenizer, write_corpus


@pytest.fixture
def folder(tmp_path):
    write_corpus(tmp_path)
    return tmp_path


def build(folder, name, files=("a.txt", "b.txt"), workers=None, **changes):
    (folder / name).mkdir()
    settings = config(folder, **changes)
    files = [folder / file for file in files]
    threshold = survey(files, settings.held_out_share).held_out_threshold
    return build_streaming(files, tokenizer(), settings, folder / name, threshold, workers=workers)


def examples(folder, index, part):
    return [tf.train.Example.FromString(record).features.feature for shard in index["shards"] if shard["part"] == part
            for record in tf.data.TFRecordDataset(str(folder / shard["file"])).as_numpy_iterator()]


def test_the_index_tells_what_is_in_the_files(folder):
    index = build(folder, "out")
    for part in PARTS:
        found = examples(folder / "out", index, part)
        shards = [shard for shard in index["shards"] if shard["part"] == part]
        assert [shard["file"] for shard in shards] == [f"{part}-{number:05d}.tfrecord" for number in range(len(shards))]
        assert all(shard["bytes"] == (folder / "out" / shard["file"]).stat().st_size <= 10_000 for shard in shards)
        statistics = index["statistics"][part]
        assert sum(shard["examples"] for shard in shards) == statistics["examples"] == len(found) > 10
        lengths = [len(example["token_ids"].int64_list.value) for example in found]
        assert statistics["tokens"] == sum(lengths)
        assert statistics["lengths"]["mean"] == pytest.approx(np.mean(lengths))
        assert statistics["lengths"]["50%"] == np.quantile(lengths, 0.5, method="inverted_cdf")
        assert statistics["padding_share"] == pytest.approx(1 - np.mean(lengths) / 32)
        labels = [example["next_sentence_label"].int64_list.value[0] for example in found]
        assert statistics["random_pair_rate"] == pytest.approx(np.mean(labels))
        unknown = sum(list(example["token_ids"].int64_list.value).count(1) for example in found)
        assert statistics["unknown_tokens"] == unknown
    assert [index["statistics"][part]["documents"] for part in PARTS] == [180, 20]
    assert {path.name for path in (folder / "out").iterdir()} == {shard["file"] for shard in index["shards"]}
    assert index["config"] == config(folder).to_dict() and index["vocabulary_size"] == 205


def test_files_without_an_example_to_train_on_are_refused(folder):
    index = build(folder, "out")
    check_index(index)
    index["statistics"]["train"]["examples"] = 0
    with pytest.raises(ValueError, match=r"at least one `nsp` example to train on. Received: input='.*/\[ab\]\.txt', "
                                         "train_documents=180, held_out_documents=20"):
        check_index(index)


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_files_are_the_same_with_another_number_of_workers(folder, compression):
    indexes = [build(folder, str(workers), workers=workers, compression=compression) for workers in (1, 3)]
    assert indexes[0] == indexes[1]
    contents = [{path.name: path.read_bytes() for path in (folder / name).iterdir()} for name in "13"]
    assert contents[0] == contents[1]
    assert build(folder, "other", seed=1, compression=compression) != indexes[0]


def test_records_hold_the_examples_of_the_text_pipeline(folder):
    index = build(folder, "out")
    threshold = survey([folder / "a.txt", folder / "b.txt"], 0.1).held_out_threshold
    dataset = held_out_dataset([folder / "a.txt", folder / "b.txt"], tokenizer(), config(folder).examples(),
                               MaskingConfig(), batch_size=1, max_examples=10_000, held_out_threshold=threshold)
    expected = collections.Counter()
    for inputs, labels, weights in dataset.as_numpy_iterator():
        ids = inputs["token_ids"][0].copy()
        used = weights["masked_lm"][0] > 0
        ids[inputs["masked_positions"][0][used]] = labels["masked_lm"][0][used]
        first = int((inputs["padding_mask"][0] * (1 - inputs["segment_ids"][0])).sum())
        expected[tuple(ids[inputs["padding_mask"][0] > 0]), first, int(labels["next_sentence"][0])] += 1
    found = collections.Counter(
        (tuple(example["token_ids"].int64_list.value), example["first_length"].int64_list.value[0],
         example["next_sentence_label"].int64_list.value[0]) for example in examples(folder / "out", index, "held_out"))
    assert found == expected


def test_repeated_documents_are_left_out_wherever_they_stand(folder):
    text = (folder / "a.txt").read_text()
    (folder / "c.txt").write_text(text + "\n\n" + text)
    files = ("a.txt", "b.txt", "c.txt")
    once = build(folder, "once", objective="mlm", held_out_share=0)
    index = build(folder, "deduplicated", files, objective="mlm", held_out_share=0, deduplicate=True)
    assert index["duplicate_documents"] == 200
    assert index["statistics"]["train"] == once["statistics"]["train"]
    assert build(folder, "all", files, objective="mlm", held_out_share=0)["statistics"]["train"]["documents"] == 400


def test_keys_that_were_seen_are_remembered():
    rng = np.random.default_rng(0)
    seen, expected = _SeenKeys(), set()
    for _ in range(50):
        keys = rng.integers(0, 2000, rng.integers(0, 60)).astype(np.uint64)
        document = np.arange(len(keys), dtype=np.int32) * 2
        lines = rng.integers(1, 4, len(keys))
        is_new = seen.are_new(np.repeat(keys, lines), np.repeat(document, lines))
        wanted = []
        for key, number in zip(keys, lines, strict=True):
            wanted += [int(key) not in expected] * number
            expected.add(int(key))
        assert is_new.tolist() == wanted
    assert len(seen._runs) < 10 and sum(map(len, seen._runs)) == len(expected)


def test_a_failing_build_leaves_whole_files_only(folder, monkeypatch):
    monkeypatch.setattr(tf.io.TFRecordWriter, "write", _full_disk_after(250))
    with pytest.raises(OSError, match="No space left"):
        build(folder, "out")
    left = list((folder / "out").iterdir())
    assert left and all(path.name.startswith("train-") for path in left)
    for path in left:
        assert sum(1 for _ in tf.data.TFRecordDataset(str(path))) > 50


def _full_disk_after(count):
    write = tf.io.TFRecordWriter.write
    written = []

    def failing(self, record):
        written.append(record)
        if len(written) > count:
            raise OSError(28, "No space left on device")
        write(self, record)

    return failing


def test_config_refuses_nonsense():
    for changes, message in (({"input": None}, "`input`. Received: input=None"),
                             ({"held_out_share": 0.7}, r"`held_out_share` in \[0, 0.5\]"),
                             ({"shard_megabytes": 0}, "`shard_megabytes` > 0"),
                             ({"shard_megabytes": 1e-9}, "`shard_megabytes` > 0.*Received: shard_megabytes=1e-09"),
                             ({"shard_megabytes": float("inf")}, "finite. Received: shard_megabytes=inf"),
                             ({"seed": 2**64}, r"`seed` in .* Received: seed=18446744073709551616"),
                             ({"compression": "zip"}, "`compression` to be one of none, gzip"),
                             ({"sequence_length": 4}, "`sequence_length` >= 8")):
        with pytest.raises(ValueError, match=message):
            RecordsConfig(**{"input": "a", "vocabulary": "b"} | changes)
