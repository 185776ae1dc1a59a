import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data import blocks, windows
from bert_tf.data.pipelines import pretraining_dataset
from bert_tf.data.positions import Position, last_position
from bert_tf.text.tokenizer import WordPieceTokenizer

WORDS = [f"w{number}" for number in range(100)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Three files of 30 documents each; blocks and windows are small, so that a pass has several of both."""
    monkeypatch.setattr(windows, "LONGEST", 48)
    monkeypatch.setattr(blocks, "LINES_PER_BLOCK", 50)
    rng = np.random.default_rng(0)
    for name in "abc":
        documents = ["\n".join(" ".join(rng.choice(WORDS, 8)) for _ in range(rng.integers(2, 9))) for _ in range(30)]
        (tmp_path / f"{name}.txt").write_text("\n\n".join(documents))
    return [tmp_path / f"{name}.txt" for name in "abc"]


def build(corpus, first_batch=0, positions=None, seed=3):
    return pretraining_dataset(corpus, TOKENIZER, ExampleConfig(32), MaskingConfig(), batch_size=16, seed=seed,
                               first_batch=first_batch, positions=positions)


def take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def assert_equal(one, other):
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


@pytest.mark.slow
@pytest.mark.parametrize("shortest", [16, 48])
def test_goes_on_at_any_batch_without_tokenising_what_lies_before(corpus, tmp_path, monkeypatch, caplog, shortest):
    monkeypatch.setattr(windows, "SHORTEST", shortest)
    path = tmp_path / "positions.jsonl"
    whole = take(build(corpus), 60)
    assert_equal(take(build(corpus, positions=path), 60), whole)
    lines = [json.loads(line) for line in path.read_text().splitlines() if line]
    assert [line["window"] for line in lines] == list(range(len(lines))) and lines[-1]["pass"] >= 2
    caplog.clear()
    tokenized = []
    monkeypatch.setattr(blocks.WordPieceTokenizer, "tokenize", counting(tokenized))
    for first in (1, 3, 17, 31, 47, 56):
        tokenized.clear()
        dataset = build(corpus, first, path)
        tokenized.clear()  # Building looks whether there is any example.
        assert_equal(take(dataset, 3), whole[first:first + 3])
        # Three batches, their windows and what is built ahead; all the text before batch 56 is about 2,300 lines.
        assert sum(tokenized) < 1100, first
    assert not caplog.records


def counting(counts):
    original = WordPieceTokenizer.tokenize

    def tokenize(self, lines):
        counted = tf.py_function(lambda number: counts.append(int(number)), [tf.size(lines)], [])
        with tf.control_dependencies([counted]):
            return original(self, tf.identity(lines))

    return tokenize


@pytest.mark.slow
def test_survives_a_line_that_was_cut_off_and_lines_of_other_streams(corpus, tmp_path, caplog):
    path = tmp_path / "positions.jsonl"
    whole = take(build(corpus, positions=path), 40)
    take(build(corpus, positions=path, seed=4), 40)
    text = path.read_text()
    path.write_text(text[:text.index('"window": 5') + 7])
    assert_equal(take(build(corpus, 20, path), 10), whole[20:30])
    assert "does not tell where window 6 of the examples starts" in caplog.text
    # What was written behind the cut line is whole.
    caplog.clear()
    assert_equal(take(build(corpus, 25, path), 10), whole[25:35])
    assert not caplog.records


def test_without_a_file_the_stream_is_built_from_the_start(tmp_path, caplog):
    assert last_position(tmp_path / "none.jsonl", "s", 0) == Position() and not caplog.records
    assert last_position(tmp_path / "none.jsonl", "s", 4) == Position()
    assert "built again from window 0 on" in caplog.text


@pytest.mark.slow
def test_a_changed_text_is_another_stream(corpus, tmp_path, caplog):
    path = tmp_path / "positions.jsonl"
    take(build(corpus, positions=path), 20)
    corpus[1].write_text(corpus[1].read_text() + "\n\nw1 w2\nw3\n")
    expected = take(build(corpus, 12), 3)
    assert_equal(take(build(corpus, 12, path), 3), expected)
    assert "built again from window 0 on" in caplog.text
