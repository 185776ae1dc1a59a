import functools
import gzip
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data import blocks, pipelines, windows
from bert_tf.data.blocks import documents_of
from bert_tf.data.corpus import HASH_BUCKETS, survey
from bert_tf.data.pipelines import held_out_dataset, held_out_sentences, pretraining_dataset
from bert_tf.text.tokenizer import WordPieceTokenizer

WORDS = [f"w{number}" for number in range(200)]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
MASKING = MaskingConfig()


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(PIECES)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two files, one compressed; 120 documents of 1 to 9 sentences of 3 to 12 words."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("corpus")
    texts = []
    for _ in range(2):
        documents = []
        for _ in range(60):
            sentences = [" ".join(rng.choice(WORDS, rng.integers(3, 13))) for _ in range(rng.integers(1, 10))]
            documents.append("\n".join(sentences))
        texts.append("\n\n".join(documents) + "\n")
    (folder / "a.txt").write_text(texts[0])
    with gzip.open(folder / "b.txt.gz", "wt") as file:
        file.write(texts[1])
    return [folder / "a.txt", folder / "b.txt.gz"]


def take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def assert_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("objective", ["nsp", "sop", "mlm"])
def test_batches_keep_the_contract_of_the_features(corpus, tokenizer, objective):
    # A 32nd of the length is one token.
    dataset = pretraining_dataset(corpus, tokenizer, ExampleConfig(32, objective), MASKING, batch_size=8)
    inputs, labels, weights = dataset.element_spec
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in inputs.items()} == {
        "token_ids": (tf.int32, [8, None]), "segment_ids": (tf.int32, [8, None]),
        "padding_mask": (tf.int32, [8, None]), "masked_positions": (tf.int32, [8, None])}
    outputs = {"masked_lm"} if objective == "mlm" else {"masked_lm", "next_sentence"}
    assert set(labels) == set(weights) == outputs
    for inputs, labels, weights in take(dataset, 40):
        mask = inputs["padding_mask"]
        length = mask.sum(1)
        assert mask.shape[1] == length.max()
        np.testing.assert_array_equal(mask, np.arange(mask.shape[1]) < length[:, None])
        assert (inputs["token_ids"][mask == 0] == 0).all() and (inputs["segment_ids"][mask == 0] == 0).all()
        assert inputs["masked_positions"].shape == (8, MASKING.max_masked(mask.shape[1]))
        assert weights["masked_lm"].sum(1).tolist() == [max(1, round(0.15 * int(n))) for n in length]
        if objective != "mlm":
            # [SEP] ends each segment; segment ids change behind the first.
            original = inputs["token_ids"].copy()
            rows, slots = np.nonzero(weights["masked_lm"])
            original[rows, inputs["masked_positions"][rows, slots]] = labels["masked_lm"][rows, slots]
            for ids, segments in zip(original, inputs["segment_ids"], strict=True):
                seps = np.flatnonzero(ids == 3)
                assert len(seps) == 2
                assert segments.tolist() == [0] * (seps[0] + 1) + [1] * (seps[1] - seps[0]) + [0] * (
                    len(ids) - seps[1] - 1)
            assert weights["next_sentence"].tolist() == [1] * 8


@pytest.mark.slow
def test_at_least_97_percent_of_the_tokens_are_real(corpus, tokenizer):
    for objective in ("nsp", "sop", "mlm"):
        dataset = pretraining_dataset(corpus, tokenizer, ExampleConfig(32, objective), MASKING, batch_size=8)
        masks = [inputs["padding_mask"] for inputs, _, _ in take(dataset, 500)]
        real = sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)
        assert real > 0.97, (objective, real)


def test_half_of_the_pairs_are_random(corpus, tokenizer):
    dataset = pretraining_dataset(corpus, tokenizer, ExampleConfig(32), MASKING, batch_size=64)
    labels = np.concatenate([labels["next_sentence"] for _, labels, _ in take(dataset, 250)])
    assert abs(labels.mean() - 0.5) < 0.015


def test_same_seed_same_batches_and_later_passes_are_masked_anew(corpus, tokenizer):
    def build(seed):
        return pretraining_dataset(corpus, tokenizer, ExampleConfig(32), MASKING, batch_size=8, seed=seed)

    one = take(build(1), 30)
    assert_equal(one, take(build(1), 30))
    assert any((a[0]["token_ids"].shape != b[0]["token_ids"].shape) or (a[0]["token_ids"] != b[0]["token_ids"]).any()
               for a, b in zip(one, take(build(2), 30), strict=True))
    seen = {row.tobytes() for inputs, _, _ in take(build(1), 400) for row in inputs["token_ids"]}
    assert len(seen) > 0.95 * 400 * 8


def test_goes_on_at_any_batch(corpus, tokenizer, monkeypatch):
    # Small windows, so that the position lies beyond the first ones.
    monkeypatch.setattr(windows, "SHORTEST", 16)
    monkeypatch.setattr(windows, "LONGEST", 64)

    def build(first_batch):
        return pretraining_dataset(corpus, tokenizer, ExampleConfig(32), MASKING, batch_size=8, seed=3,
                                   first_batch=first_batch)

    assert_equal(take(build(37), 10), take(build(0), 47)[37:])


def test_every_document_is_either_trained_on_or_held_out(corpus, tokenizer):
    threshold = survey(corpus, held_out_share=0.2).held_out_threshold
    held_out = {line.decode() for line in held_out_sentences(corpus, threshold).as_numpy_iterator()}
    trained = {line.decode() for line in held_out_sentences(corpus, 2**31 - 1).as_numpy_iterator()} - held_out
    assert len(held_out) > 60 and len(trained) > 300
    in_training = set()
    examples = ExampleConfig(32, "mlm", short_sequence_rate=0.0)
    for inputs, labels, weights in take(pretraining_dataset(
            corpus, tokenizer, examples, MASKING, batch_size=8, held_out_threshold=threshold), 300):
        ids = inputs["token_ids"].copy()
        rows, slots = np.nonzero(weights["masked_lm"])
        ids[rows, inputs["masked_positions"][rows, slots]] = labels["masked_lm"][rows, slots]
        in_training |= {" ".join(PIECES[token] for token in row[row > 4]) for row in ids}
    text = "\n".join(in_training)
    assert all(sentence in text for sentence in trained)
    assert not any(sentence in text for sentence in held_out)


def test_held_out_examples_are_the_same_on_every_pass_and_counted(corpus, tokenizer):
    dataset = held_out_dataset(corpus, tokenizer, ExampleConfig(32), MASKING, batch_size=8, max_examples=50)
    assert dataset.cardinality() == 7
    first = list(dataset.as_numpy_iterator())
    # The last batch is filled up with examples that do not count.
    assert [len(inputs["token_ids"]) for inputs, _, _ in first] == [8] * 7
    assert [weights["next_sentence"].sum() for _, _, weights in first] == [8] * 6 + [2]
    assert (first[-1][2]["masked_lm"].sum(1) > 0).tolist() == [True] * 2 + [False] * 6
    assert_equal(first, list(dataset.as_numpy_iterator()))


@pytest.mark.parametrize(("objective", "whole_words"), [("nsp", False), ("mlm", True)])
def test_all_shapes_of_an_epoch_are_static_for_tpus(corpus, tokenizer, monkeypatch, objective, whole_words):
    monkeypatch.setattr(windows, "LONGEST", 64)
    masking = MaskingConfig(whole_words=whole_words)
    options = dict(batch_size=8, fixed_length=True)
    training = pretraining_dataset(corpus, tokenizer, ExampleConfig(32, objective), masking, **options)
    held_out = held_out_dataset(corpus, tokenizer, ExampleConfig(32, objective), masking, max_examples=50, **options)
    expected = {"token_ids": (8, 32), "segment_ids": (8, 32), "padding_mask": (8, 32), "masked_positions": (8, 5)}
    for dataset, count in ((training, 100), (held_out, 7)):
        inputs, labels, weights = dataset.element_spec
        assert {name: tuple(spec.shape) for name, spec in inputs.items()} == expected
        assert labels["masked_lm"].shape == weights["masked_lm"].shape == (8, 5)
        assert objective == "mlm" or labels["next_sentence"].shape == weights["next_sentence"].shape == (8,)
        assert {spec.dtype for spec in tf.nest.flatten(dataset.element_spec)} == {tf.int32, tf.float32}
        specs = [tuple(spec.shape) for spec in tf.nest.flatten(dataset.element_spec)]
        shapes = [[array.shape for array in tf.nest.flatten(batch)] for batch in take(dataset, count)]
        assert shapes == [specs] * count


def test_documents_longer_than_a_block_stay_whole_and_have_company(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LINES_PER_BLOCK", 5)
    path = tmp_path / "long.txt"
    path.write_text("".join("\n".join(WORDS[start:stop]) + "\n\n" for start, stop in (
        (0, 32), (32, 60), (0, 7), (7, 10), (10, 12), (12, 40))))
    lengths = [len(block) for block in blocks.text_blocks([path]).as_numpy_iterator()]
    # Each with its blank lines and the one that ends a file.
    assert lengths == [33 + 29, 8 + 4, 3 + 29 + 1]
    path.write_text("\n".join(WORDS[:32]))
    assert [len(block) for block in blocks.text_blocks([path]).as_numpy_iterator()] == [33]


def test_documents_as_long_as_blocks_have_random_pairs(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LINES_PER_BLOCK", 40)
    files = []
    for number in range(12):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text("\n".join(" ".join(WORDS[number:number + 5]) for _ in range(60)))
    dataset = pretraining_dataset(files, tokenizer, ExampleConfig(32), MaskingConfig(), batch_size=8)
    labels = np.concatenate([labels["next_sentence"] for _, labels, _ in dataset.take(20).as_numpy_iterator()])
    assert 0.3 < labels.mean() < 0.7


def test_documents_without_an_end_are_cut_at_the_same_lines_whatever_the_blocks(tmp_path, monkeypatch):
    path = tmp_path / "long.txt"
    path.write_text("\n" + "\n".join(WORDS[:25]) + "\n \n" + "\n".join(WORDS[25:27]) + "\n\n")
    monkeypatch.setattr(blocks, "LONGEST_DOCUMENT", 10)
    for size in (3, 7, 100):
        monkeypatch.setattr(blocks, "LINES_PER_BLOCK", size)
        found = []
        for block in blocks.text_blocks([path]).as_numpy_iterator():
            lines, document = blocks.number_documents(tf.constant(block, tf.string))
            found += [lines.numpy()[document == number].tolist() for number in np.unique(document)]
        assert [len(lines) for lines in found] == [10, 10, 5, 2]
        assert [line.decode() for lines in found for line in lines] == WORDS[:27]


def test_an_example_depends_on_its_document_only(corpus, tokenizer, tmp_path):
    """Masked-LM examples of a document are the same whatever stands around it."""
    def examples(files):
        built = pipelines._held_out_examples(files, tokenizer, ExampleConfig(32, "mlm"), 3, HASH_BUCKETS)
        return sorted(row.tobytes() for rows in built.as_numpy_iterator() for row in rows["token_ids"])

    documents = corpus[0].read_text().split("\n\n")
    (tmp_path / "backwards.txt").write_text("\n\n\n".join(reversed(documents)))
    assert examples([corpus[0]]) == examples([tmp_path / "backwards.txt"])


@pytest.mark.parametrize("text", ["", "\n\n \n"])
def test_refuses_files_without_text(tmp_path, tokenizer, text):
    path = tmp_path / "empty.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"at least one `nsp` example. Received: none from 1 file.*empty\.txt"):
        pretraining_dataset([path], tokenizer, ExampleConfig(32), MASKING, batch_size=8)


def test_names_and_patterns_give_files(corpus):
    folder, expected = pathlib.Path(corpus[0]).parent, sorted(map(str, corpus))
    for files in (f"{folder}/*.txt*", [f"{folder}/*.txt*"], ",".join(expected), expected, sorted(corpus)):
        assert [str(path) for path in pipelines._found(files)] == expected
    for file in (corpus[0], [corpus[0]], str(corpus[0])):
        assert [str(path) for path in pipelines._found(file)] == [str(corpus[0])]


@pytest.mark.slow
@pytest.mark.parametrize("build", [pretraining_dataset, functools.partial(held_out_dataset, max_examples=9)])
def test_files_are_names_or_patterns(corpus, tokenizer, build):
    folder = pathlib.Path(corpus[0]).parent

    def ids(files, **options):
        batches = build(files, tokenizer, ExampleConfig(32), MASKING, **{"batch_size": 8} | options)
        return take(batches, 1)[0][0]["token_ids"].tolist()

    expected = ids(sorted(corpus))
    assert ids(f"{folder}/*.txt*") == ids([f"{folder}/*.txt*"]) == ids(",".join(map(str, sorted(corpus)))) == expected
    assert ids(corpus[0]) == ids([corpus[0]]) == ids(str(corpus[0]))
    with pytest.raises(ValueError, match=r"a file name, or a pattern that matches files.*no_such\.txt"):
        ids("no_such.txt")
    with pytest.raises(ValueError, match=r"at least one file name or pattern. Received: files=\[\]"):
        ids([])
    with pytest.raises(ValueError, match="`batch_size` >= 1. Received: batch_size=0"):
        ids(corpus, batch_size=0)


def test_a_line_of_a_million_characters_nuls_and_bad_utf8_pass_through(tmp_path, tokenizer):
    path = tmp_path / "odd.txt"
    path.write_bytes(b"w1 w2\n" + b"w3 " * 400_000 + b"\n\nw4 \x00w5\xff w6\nw7 w8\n\n" * 3)
    dataset = pretraining_dataset([path], tokenizer, ExampleConfig(32), MASKING, batch_size=8)
    tokens = np.concatenate([inputs["token_ids"].ravel() for inputs, _, _ in take(dataset, 100)])
    assert len(tokens) > 20_000 and tokens.min() >= 0 and tokens.max() < len(PIECES)


def test_batches_end_at_once(corpus, tokenizer):
    settings = (corpus, tokenizer, ExampleConfig(32), MASKING)
    for dataset in (pretraining_dataset(*settings, batch_size=8),
                    held_out_dataset(*settings, batch_size=8, max_examples=9), documents_of(corpus, 0, held_out=False)):
        assert dataset.options().autotune.enabled is False


FIRST_BATCH = """
import glob, sys, tempfile
import tensorflow as tf
from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data.pipelines import held_out_dataset, pretraining_dataset
from bert_tf.text.preprocessor import Preprocessor
from bert_tf.text.tokenizer import WordPieceTokenizer

tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "w1", "w2"])
settings = sys.argv[1:], tokenizer, ExampleConfig(32), MaskingConfig()
texts = tf.data.Dataset.from_tensors(["w1 w2"])
tokenizer.detokenize(tokenizer.tokenize(["w1 w2"]))
for build in (lambda: pretraining_dataset(*settings, batch_size=2),
              lambda: held_out_dataset(*settings, batch_size=2, max_examples=4),
              lambda: texts.map(tokenizer.tokenize_with_offsets), lambda: texts.map(Preprocessor(tokenizer, 8))):
    next(iter(build()))
    print(len(glob.glob("__autograph_generated_file*", root_dir=tempfile.gettempdir())))
"""


@pytest.mark.slow
def test_autograph_translates_nothing(corpus, tmp_path):
    # It would take several seconds before the first batch. What it has translated lies in files until the end: of an
    # object that is called it is the decorator that keeps it from translating more.
    done = subprocess.run([sys.executable, "-c", FIRST_BATCH, *map(str, corpus)], capture_output=True, text=True,
                          env=os.environ | {"TMPDIR": str(tmp_path)})
    assert (done.returncode, done.stdout) == (0, "0\n0\n0\n1\n"), done.stderr
