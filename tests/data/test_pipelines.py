import gzip

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig
from bert_tf.data import pipelines
from bert_tf.data.corpus import survey
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
    monkeypatch.setattr(pipelines, "WINDOW", 64)

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
    assert sum(len(inputs["token_ids"]) for inputs, _, _ in first) == 50
    assert_equal(first, list(dataset.as_numpy_iterator()))


def test_one_shape_for_tpus(corpus, tokenizer):
    dataset = pretraining_dataset(corpus, tokenizer, ExampleConfig(32), MASKING, batch_size=8, length_multiple=32)
    assert {inputs["token_ids"].shape for inputs, _, _ in take(dataset, 50)} == {(8, 32)}


def test_documents_longer_than_a_block_stay_whole(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(pipelines, "LINES_PER_BLOCK", 5)
    path = tmp_path / "long.txt"
    path.write_text("\n".join(WORDS[:32]) + "\n\n" + "\n".join(WORDS[32:60]) + "\n\n")
    blocks = [block for block in pipelines._blocks(tf.constant([str(path)])).as_numpy_iterator() if len(block)]
    # Each with its blank lines and the one that ends a file.
    assert [len(block) for block in blocks] == [33, 30]


@pytest.mark.parametrize("text", ["", "\n\n \n"])
def test_refuses_files_without_text(tmp_path, tokenizer, text):
    path = tmp_path / "empty.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"at least one `nsp` example. Received: none from 1 file.*empty\.txt"):
        pretraining_dataset([path], tokenizer, ExampleConfig(32), MASKING, batch_size=8)


def test_a_line_of_a_million_characters_nuls_and_bad_utf8_pass_through(tmp_path, tokenizer):
    path = tmp_path / "odd.txt"
    path.write_bytes(b"w1 w2\n" + b"w3 " * 400_000 + b"\n\nw4 \x00w5\xff w6\nw7 w8\n\n" * 3)
    dataset = pretraining_dataset([path], tokenizer, ExampleConfig(32), MASKING, batch_size=8)
    tokens = np.concatenate([inputs["token_ids"].ravel() for inputs, _, _ in take(dataset, 100)])
    assert len(tokens) > 20_000 and tokens.min() >= 0 and tokens.max() < len(PIECES)
