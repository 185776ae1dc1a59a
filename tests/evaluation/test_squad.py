"""The expected numbers follow from the definitions; the comment beside a case says how."""

import math

import pytest

from bert_tf.evaluation.squad import normalized_answer, squad2_scores, squad_scores
from tests.evaluation.asked import asked


@pytest.mark.parametrize("text, expected", [
    ("The  Cat's\tnap.", "cats nap"), ("a an the", ""), ("Anna than", "anna than"), ("“Ünïted” — x", "“ünïted” — x"),
    ("the-end", "theend"), ("A.", ""), ("…", "…"), ("U.S.", "us"),
])
def test_normalises(text, expected):
    assert normalized_answer(text) == expected


@pytest.mark.parametrize("predicted, answers, exact, f1", [
    ("The cat!", ["cat", "dog"], 1, 1),
    ("black cat", ["cat", "a black dog"], 0, 2 / 3),  # one of two words right, all of one found
    ("cat cat", ["cat"], 0, 2 / 3),  # the second one is too much
    ("bird", ["cat"], 0, 0),
    ("", ["cat"], 0, 0),
    ("the", ["..."], 1, 0),  # both become nothing; F1 has no word in common
])
def test_one_question_of_squad_1(predicted, answers, exact, f1):
    scores = squad_scores([asked(*answers)], {"q": predicted})
    assert scores == pytest.approx({"exact_match": 100 * exact, "f1": 100 * f1})


def test_unanswered_questions_of_squad_1_score_nothing():
    questions = [asked("cat"), asked("dog", id_="other")]
    assert squad_scores(questions, {"q": "cat"}) == {"exact_match": 50, "f1": 50}
    with pytest.raises(ValueError, match="a right answer for every question.* id='q'"):
        squad_scores([asked()], {"q": ""})
    with pytest.raises(ValueError, match="at least one question"):
        squad_scores([], {})


@pytest.mark.parametrize("predicted, answers, exact, f1", [
    ("", [], 1, 1), ("the", [], 1, 1), ("cat", [], 0, 0), ("", ["cat"], 0, 0), ("a", ["..."], 1, 1),
    ("black cat", ["cat", "..."], 0, 2 / 3),
])
def test_one_question_of_squad_2(predicted, answers, exact, f1):
    scores = squad2_scores([asked(*answers)], {"q": predicted})
    assert (scores["exact"], scores["f1"], scores["total"]) == pytest.approx((100 * exact, 100 * f1, 1))


QUESTIONS = [asked("cat", id_="a"), asked("black dog", id_="b"), asked(id_="c"), asked(id_="d"), asked("x", id_="gone")]
PREDICTIONS = {"a": "cat", "b": "dog", "c": "bird", "d": ""}
SCORES = {"a": -3.0, "b": 0.5, "c": 0.2, "d": 4.0}


def test_means_of_squad_2_and_its_parts():
    assert squad2_scores(QUESTIONS, PREDICTIONS) == pytest.approx({
        "exact": 50, "f1": 100 * (1 + 2 / 3 + 0 + 1) / 4, "total": 4,
        "HasAns_exact": 50, "HasAns_f1": 100 * (1 + 2 / 3) / 2, "HasAns_total": 2,
        "NoAns_exact": 50, "NoAns_f1": 50, "NoAns_total": 2})


def test_above_the_threshold_there_is_no_answer():
    scores = squad2_scores(QUESTIONS, PREDICTIONS, SCORES, threshold=0.1)
    assert (scores["HasAns_exact"], scores["HasAns_f1"], scores["NoAns_exact"]) == (50, 50, 100)


def test_finds_the_best_thresholds():
    scores = squad2_scores(QUESTIONS, PREDICTIONS, SCORES)
    # Nothing answered: c and d. Up to -3.0 also a. Then c loses its point, and b wins at most 2 / 3.
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (75, -3)
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (75, -3)
    better = SCORES | {"c": 0.9}
    scores = squad2_scores(QUESTIONS, PREDICTIONS, better)
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (pytest.approx(100 * (3 + 2 / 3) / 4), 0.5)


def test_refuses_scores_that_are_missing_or_not_numbers():
    for bad in ({"a": 0.0}, SCORES | {"b": math.nan}):
        with pytest.raises(ValueError, match="a number as score of no answer. Received: id='b', score=nan"):
            squad2_scores(QUESTIONS, PREDICTIONS, bad)
    with pytest.raises(ValueError, match="a prediction for at least one question"):
        squad2_scores(QUESTIONS, {})
