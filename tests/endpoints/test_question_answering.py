import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.models.span_predictor import BertSpanPredictor
from tests.endpoints.tiny import CONFIG, ODD_TEXTS, PIECES, as_text, check_rows_are_independent, randomised

START_OF = {"jose": 4.0, "paris": 3.0, "猫": 5.0}
END_OF = {"lee": 4.0, "paris": 3.0, "国": 5.0, "jose": 1.0}


@pytest.fixture(scope="module")
def model():
    return randomised(BertSpanPredictor(CONFIG))


def table_answerer(model, null=0.0, **options):
    """An answerer whose logits depend on the piece alone, as `START_OF` and `END_OF` say; `null` those of [CLS]."""
    answerer = QuestionAnswerer(model, **options)
    start, end = np.zeros((2, CONFIG.vocabulary_size), "float32")
    for number, piece in enumerate(PIECES):
        start[number], end[number] = START_OF.get(piece, 0.0), END_OF.get(piece, 0.0)
    start[2] = end[2] = null
    answerer.model = lambda features, training: {
        "start_logits": tf.gather(start, features["token_ids"]), "end_logits": tf.gather(end, features["token_ids"])}
    return answerer


def test_answers_are_the_best_spans_of_the_model(model):
    """Against a search over all spans of a context that fits in one window."""
    answer = QuestionAnswerer(model, top_k=5, max_answer_length=3)(["cat?"], ["a cat in Paris. Jose"])
    # [CLS] cat [UNK] [SEP] a cat in paris . jose [SEP]
    ids = [2, 6, 1, 3, 5, 6, 16, 15, 10, 8, 3]
    words = ["a", "cat", "in", "Paris", ".", "Jose"]
    starts = [0, 2, 6, 9, 14, 16]
    logits = model({"token_ids": [ids], "segment_ids": [[0] * 4 + [1] * 7], "padding_mask": [[1] * 11]})
    start, end = (np.asarray(logits[name])[0] for name in ("start_logits", "end_logits"))
    spans = sorted(((start[4 + first] + end[4 + last], first, last) for first in range(6)
                    for last in range(first, min(first + 3, 6))), reverse=True)
    total = np.sum(np.exp([span[0] for span in spans]))
    for number, (score, first, last) in enumerate(spans[:5]):
        assert answer["start"][0, number] == starts[first]
        assert answer["end"][0, number] == starts[last] + len(words[last])
        np.testing.assert_allclose(answer["score"][0, number], np.exp(score) / total, rtol=1e-4)
    np.testing.assert_allclose(answer["null_odds"][0], start[0] + end[0] - spans[0][0], rtol=1e-4)
    assert not answer["is_impossible"][0]


@pytest.mark.parametrize(("context", "expected"), [
    ("Ann met Jose\u0301 Lee in Paris.", "Jose\u0301 Lee"), ("👩‍🚀 in 猫国, cat", "猫国"), ("a cat in PARIS", "PARIS"),
    ("cats " * 300 + "Joseph Lee" + " a" * 500, "Joseph Lee"), (b"\xff\xfe Paris \xe7\x8c", "Paris"),
    ("Jose " + "a " * 40 + "Lee", "Jose"), ("猫国 in Paris " * 50, "猫国")])
def test_answers_stand_where_they_are_said_to(model, context, expected):
    one = table_answerer(model, stride=4).predict(["Who?"], [context])[0]
    assert one["answer"] == expected
    for found in (one, *one["alternatives"]):
        assert as_text(context)[found["start"]:found["end"]] == found["answer"] != ""
    scores = [one["score"], *(found["score"] for found in one["alternatives"])]
    assert scores == sorted(scores, reverse=True) and 0 < sum(scores) <= 1 + 1e-6


def test_questions_that_have_no_answer(model):
    context = "a cat in Paris"  # 3 + 3
    for null, threshold, is_impossible in ((4.0, 0.0, True), (2.0, 0.0, False), (2.0, -3.0, True), (4.0, 3.0, False)):
        answerer = table_answerer(model, null, handle_impossible=True, null_threshold=threshold)
        one = answerer.predict(["Who?"], [context])[0]
        np.testing.assert_allclose(one["null_odds"], 2 * null - 6, rtol=1e-5)
        assert one["is_impossible"] == is_impossible
        assert (one["answer"] == "") == is_impossible
        # Ten spans: Paris alone, three that begin and three that end with it, and what has a score of zero.
        scores = [6.0, *[3.0] * 3, *[0.0] * 6]
        total = np.sum(np.exp(scores)) + np.exp(2 * null)
        np.testing.assert_allclose(one["score"], np.exp(2 * null if is_impossible else 6) / total, rtol=1e-4)
        if is_impossible:
            assert one["alternatives"][0]["answer"] == "Paris" and (one["start"], one["end"]) == (0, 0)


def test_nothing_to_answer_from(model):
    for handle_impossible in (False, True):
        answerer = QuestionAnswerer(model, handle_impossible=handle_impossible)
        one = answerer.predict(["Who?"], [" \0 "])[0]
        assert one["answer"] == "" and one["null_odds"] == 1e9 and one["is_impossible"] == handle_impossible
        assert one["score"] == pytest.approx(float(handle_impossible)) and one["alternatives"] == []
    assert answerer([], [])["answer"].shape == (0, 3) and answerer.predict([], []) == []


@pytest.mark.parametrize("handle_impossible", [False, True])
def test_odd_strings_do_not_disturb(model, handle_impossible):
    answerer = QuestionAnswerer(model, stride=5, handle_impossible=handle_impossible)
    contexts = ODD_TEXTS[3:] + ODD_TEXTS[:3]
    check_rows_are_independent(answerer, ODD_TEXTS, contexts)
    for context, one in zip(contexts, answerer.predict(ODD_TEXTS, contexts), strict=True):
        assert as_text(context)[one["start"]:one["end"]] == one["answer"]


def test_a_million_characters(model):
    context = "cats in " * 124_990 + "猫国 " + "a " * 30
    one = table_answerer(model, stride=100).predict(["cat " * 100_000], [context])[0]
    assert (one["answer"], one["start"]) == ("猫国", 8 * 124_990)


def test_takes_its_threshold_from_the_model(model, tmp_path):
    assert not QuestionAnswerer(model).handle_impossible
    given = QuestionAnswerer(model, null_threshold=-2.0)
    assert given.handle_impossible and given.null_threshold == -2.0
    bert_tf.save_model(model, tmp_path)
    loaded = bert_tf.load_model(tmp_path)
    loaded.kept_config["null_threshold"] = -1.5
    bert_tf.save_model(loaded, tmp_path)
    answerer = bert_tf.QuestionAnswerer.load(tmp_path, top_k=1)
    assert answerer.handle_impossible and answerer.null_threshold == -1.5
    assert not QuestionAnswerer(loaded, handle_impossible=False).handle_impossible
    expected = QuestionAnswerer(model)(["a"], ["cat"])["null_odds"]
    np.testing.assert_allclose(answerer(["a"], ["cat"])["null_odds"], expected, atol=1e-5)


@pytest.mark.parametrize(("options", "message"), [
    ({"top_k": 0}, "top_k=0"), ({"stride": 0}, "stride=0"), ({"max_answer_length": 0}, "max_answer_length=0"),
    ({"max_question_length": -1}, "max_question_length=-1"), ({"max_length": 3}, r"`max_length` in \[4, 24\]")])
def test_refuses_options_out_of_range(model, options, message):
    with pytest.raises(ValueError, match=message):
        QuestionAnswerer(model, **options)
