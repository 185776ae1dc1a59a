"""Exact match and F1 of answers, as the official scripts of SQuAD 1.1 and 2.0 count them, in percent."""

import collections
import math
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from bert_tf.config import require

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


class ScoredQuestion(Protocol):
    """What the scorers ask of a question: its id, and its right answers, each with a `text`; none = no answer."""

    id: str
    answers: Sequence


def squad_scores(questions: Iterable[ScoredQuestion], predictions: Mapping[str, str]) -> dict[str, float]:
    """SQuAD 1.1 (Rajpurkar et al. 2016, section 6.1).

    Args:
        questions: those of the file.
        predictions: the answer for each id; a question without one scores 0.

    Returns:
        `exact_match` and `f1`, each the best over a question's right answers, mean over the questions.

    Raises:
        ValueError: no question, or one without right answers.
    """
    return best_over_answers(questions, predictions, _is_exact, _f1)


def best_over_answers(questions: Iterable[ScoredQuestion], predictions: Mapping[str, str],
                      is_exact: Callable[[str, str], bool], f1: Callable[[str, str], float]) -> dict[str, float]:
    """What `squad_scores` returns, with any rules for a right answer and a prediction."""
    exact_scores, f1_scores = [], []
    for question in questions:
        require(len(question.answers) > 0, "a right answer for every question", id=question.id)
        predicted = predictions.get(question.id)
        known = [answer.text for answer in question.answers] if predicted is not None else []
        exact_scores.append(max((is_exact(right, predicted) for right in known), default=False))
        f1_scores.append(max((f1(right, predicted) for right in known), default=0.0))
    require(len(exact_scores) > 0, "at least one question", questions=0)
    return {"exact_match": _percent(exact_scores), "f1": _percent(f1_scores)}


def squad2_scores(questions: Iterable[ScoredQuestion], predictions: Mapping[str, str],
                  no_answer_scores: Mapping[str, float] | None = None, threshold: float = 1.0) -> dict[str, float]:
    """SQuAD 2.0 (Rajpurkar et al. 2018), where "" says that there is no answer.

    Args:
        questions: those of the file.
        predictions: the answer for each id; a question without one is left out of the means.
        no_answer_scores: for each id, how surely there is no answer; any scale.
        threshold: where the score is above it, there is no answer, whatever the prediction.

    Returns:
        `exact` and `f1`, and both with the prefix `HasAns_` and `NoAns_` for the questions with and without answers,
        each with a `total`. With scores also `best_exact` and `best_f1`, which the best thresholds reach, and these:
        `best_exact_thresh` and `best_f1_thresh`.

    Raises:
        ValueError: no question with a prediction, or a score that is missing or not a number.
    """
    questions = [question for question in questions]
    has_answer = {question.id: len(question.answers) > 0 for question in questions}
    raw = {question.id: _scores_of(question, predictions[question.id])
           for question in questions if question.id in predictions}
    require(len(raw) > 0, "a prediction for at least one question", questions=len(questions))
    for id_ in raw if no_answer_scores is not None else ():
        score = no_answer_scores.get(id_, math.nan)
        require(not math.isnan(score), "a number as score of no answer", id=id_, score=score)
    final = {id_: (float(not has_answer[id_]),) * 2 if no_answer_scores and no_answer_scores[id_] > threshold else both
             for id_, both in raw.items()}
    results = _means(final, "")
    for prefix, wanted in (("HasAns_", True), ("NoAns_", False)):
        some = {id_: both for id_, both in final.items() if has_answer[id_] == wanted}
        results |= _means(some, prefix) if some else {}
    if no_answer_scores is not None:
        for place, name in enumerate(("exact", "f1")):
            scores = {id_: both[place] for id_, both in raw.items()}
            best, at = _best_threshold(scores, predictions, no_answer_scores, has_answer)
            results |= {f"best_{name}": best, f"best_{name}_thresh": at}
    return results


def normalized_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, without English articles, one space between words."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def _is_exact(right: str, predicted: str) -> bool:
    return normalized_answer(right) == normalized_answer(predicted)


def _f1(right: str, predicted: str) -> float:
    """Of the words that both have, counted as often as both have them."""
    right, predicted = normalized_answer(right).split(), normalized_answer(predicted).split()
    shared = sum((collections.Counter(right) & collections.Counter(predicted)).values())
    if shared == 0:
        return 0.0
    return harmonic_mean(shared / len(predicted), shared / len(right))


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of two numbers that are not both 0."""
    return 2 * precision * recall / (precision + recall)


def _scores_of(question: ScoredQuestion, predicted: str) -> tuple[float, float]:
    """Exact match and F1; right answers that are nothing but punctuation and articles do not count."""
    right = [answer.text for answer in question.answers if normalized_answer(answer.text)]
    if right and normalized_answer(predicted):
        return (float(max(_is_exact(text, predicted) for text in right)), max(_f1(text, predicted) for text in right))
    return (float(not right and not normalized_answer(predicted)),) * 2


def _means(scores: Mapping[str, tuple[float, float]], prefix: str) -> dict[str, float]:
    exact, f1 = zip(*scores.values(), strict=True)
    return {f"{prefix}exact": _percent(exact), f"{prefix}f1": _percent(f1), f"{prefix}total": len(scores)}


def _best_threshold(scores: Mapping[str, float], predictions: Mapping[str, str],
                    no_answer_scores: Mapping[str, float], has_answer: Mapping[str, bool]) -> tuple[float, float]:
    """The best mean score, in percent, and the threshold; found by taking in one question more at a time.

    At first no question is answered, which is right for those without answer. A question that is then answered adds its
    score if it has an answer, and takes away its point if it has none and gets one all the same.
    """
    current = best = sum(not answerable for answerable in has_answer.values())
    threshold = 0.0
    for id_ in sorted(no_answer_scores, key=no_answer_scores.get):
        if id_ not in scores:
            continue
        current += scores[id_] if has_answer[id_] else -bool(predictions[id_])
        if current > best:
            best, threshold = current, no_answer_scores[id_]
    return 100.0 * best / len(scores), threshold


def _percent(scores: Sequence[float]) -> float:
    return 100.0 * sum(scores) / len(scores)
