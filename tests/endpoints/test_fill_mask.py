import keras
import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.config import EncoderConfig
from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.text.tokenizer import WordPieceTokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", ".", "猫", "on", "mat"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    # More rows than pieces, and weights large enough for clear answers.
    config = EncoderConfig(vocabulary_size=20, num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=32,
                           max_sequence_length=16, initializer_stddev=0.5)
    return bert_tf.BertPretrainer(config)


@pytest.fixture(scope="module")
def fill_mask(model):
    return FillMask(model, WordPieceTokenizer(PIECES), top_k=3)


def expected_probabilities(model, ids, position):
    inputs = {"token_ids": np.array([ids]), "segment_ids": np.zeros((1, len(ids)), int),
              "padding_mask": np.ones((1, len(ids)), int), "masked_positions": np.array([[position]])}
    logits = np.asarray(model(inputs)["masked_lm"])[0, 0, :len(PIECES)]
    return np.exp(logits) / np.exp(logits).sum()


def test_answers_are_the_models_likeliest_pieces(model, fill_mask):
    answer = fill_mask(["the [MASK] sat."])
    probabilities = expected_probabilities(model, [2, 5, 4, 7, 9, 3], 2)
    best = np.argsort(-probabilities)[:3]
    assert answer["token_id"].numpy().tolist() == [[best.tolist()]]
    assert answer["token"].numpy().tolist() == [[[PIECES[index].encode() for index in best]]]
    np.testing.assert_allclose(answer["probability"][0, 0], probabilities[best], rtol=1e-4)


def test_several_blanks_and_none(fill_mask):
    answer = fill_mask(["[MASK] cat [MASK]", "the cat", "", "[MASK]"])
    assert answer["num_blanks"].numpy().tolist() == [2, 0, 0, 1]
    assert answer["token"].shape == (4, 2, 3)
    assert (answer["token"][1:3].numpy() == b"").all() and (answer["probability"][1:3].numpy() == 0).all()
    assert (answer["token"][3, 1].numpy() == b"").all()
    # As alone: the neighbours do not matter.
    alone = fill_mask(["[MASK]"])
    np.testing.assert_allclose(answer["probability"][3, 0], alone["probability"][0, 0], rtol=1e-4)


def test_predicts_plain_python(fill_mask):
    blanks, none = fill_mask.predict(["猫 [MASK] the[MASK]", "cat"])
    assert none == [] and len(blanks) == 2 and all(len(answers) == 3 for answers in blanks)
    for answers, before, after in ((blanks[0], "猫 ", " the[MASK]"), (blanks[1], "猫 [MASK] the", "")):
        for answer in answers:
            token = answer["token"]
            assert answer["text"] == (before.rstrip() + token[2:] if token.startswith("##") else before + token) + after
        probabilities = [answer["probability"] for answer in answers]
        assert probabilities == sorted(probabilities, reverse=True) and 0 < sum(probabilities) <= 1
    assert fill_mask.predict([]) == []
    assert fill_mask.predict(["猫 [MASK]".encode() + b"\xff"]) == fill_mask.predict(["猫 [MASK]\ufffd"])


def test_odd_strings_do_not_disturb(fill_mask):
    texts = ["the [MASK].", b"\xff\xfe [MASK]", "\0" * 50, "[MASK] " * 100, "x" * 10_000 + " [MASK]"]
    answer = fill_mask(texts)
    # 16 tokens take 14 blanks; the long word is one [UNK].
    assert answer["num_blanks"].numpy().tolist() == [1, 1, 0, 14, 1]
    np.testing.assert_allclose(answer["probability"][0, 0], fill_mask(texts[:1])["probability"][0, 0], rtol=1e-4)


def test_answers_alike_after_saving(fill_mask, model, tmp_path):
    bert_tf.save_model(model, tmp_path, tokenizer=WordPieceTokenizer(PIECES))
    loaded = bert_tf.FillMask.load(tmp_path, top_k=3)
    text = ["The cat [MASK] on the [MASK]."]
    for name, value in fill_mask(text).items():
        expected = value.numpy()
        if expected.dtype == object:
            assert (loaded(text)[name].numpy() == expected).all()
        else:
            np.testing.assert_allclose(loaded(text)[name], expected, atol=1e-6)


def test_works_inside_a_graph(fill_mask):
    texts = ["[MASK] mat", "the [MASK]"]
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(fill_mask)
    np.testing.assert_allclose(next(iter(dataset))["probability"], fill_mask(texts)["probability"], rtol=1e-4)


@pytest.mark.parametrize(("options", "message"), [
    ({"top_k": 0}, r"`top_k` in \[1, 13\]. Received: top_k=0"),
    ({"max_length": 17}, r"`max_length` in \[3, 16\]. Received: max_length=17"),
])
def test_refuses_options_out_of_range(model, options, message):
    with pytest.raises(ValueError, match=message):
        FillMask(model, WordPieceTokenizer(PIECES), **options)


def test_refuses_a_model_without_the_head(model):
    with pytest.raises(ValueError, match="a model with a masked-LM head. Received: model='BertEncoder'"):
        FillMask(bert_tf.BertEncoder(model.config), WordPieceTokenizer(PIECES))


def test_refuses_no_tokeniser_and_one_with_too_many_pieces(model):
    with pytest.raises(ValueError, match="a model with a tokeniser, or a `tokenizer`"):
        FillMask(model)
    pieces = [*PIECES, *(f"piece{number}" for number in range(8))]
    with pytest.raises(ValueError, match="at most `vocabulary_size` pieces. Received: pieces=21, vocabulary_size=20"):
        FillMask(model, WordPieceTokenizer(pieces))
