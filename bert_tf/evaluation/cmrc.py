"""Exact match and F1 of Chinese answers, as the script of CMRC 2018 counts them (Cui et al. 2019), in percent."""

import re
from collections.abc import Iterable, Mapping, Sequence

from bert_tf.evaluation.squad import ScoredQuestion, best_over_answers, harmonic_mean

_PUNCTUATION = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"
_CHINESE = r"\u4e00-\u9fa5"
_SIGNS = r""",;@#$%&?!"()\[\]{}<>—–"""
# A Chinese character; a word, with points but for one at the end, and with commas before digits; a sign.
_SEGMENT = re.compile(
    rf"[{_CHINESE}]|(?:[^\s{_CHINESE}{_SIGNS}.']|\.(?!\s*(?:[{_CHINESE}]|$))|,(?=\d)|'(?!s\b))+|'s\b|\S")


def cmrc_scores(questions: Iterable[ScoredQuestion], predictions: Mapping[str, str]) -> dict[str, float]:
    """As `squad.squad_scores`, without punctuation and with Chinese characters as words.

    F1 counts the longest run of segments that both answers have. A segment is a Chinese character, or a word or sign of
    what stands between; that the script splits by NLTK, this by the rules that matter most of it.

    Args:
        questions: those of the file.
        predictions: the answer for each id; a question without one scores 0.

    Returns:
        `exact_match` and `f1`, each the best over a question's right answers, mean over the questions.

    Raises:
        ValueError: no question, or one without right answers.
    """
    return best_over_answers(questions, predictions, _is_exact, _f1)


def _is_exact(right: str, predicted: str) -> bool:
    return _plain(right) == _plain(predicted)


def _plain(text: str) -> str:
    return "".join(character for character in text.lower().strip() if character not in _PUNCTUATION)


def _segments(text: str) -> list[str]:
    return _SEGMENT.findall(_plain(text))


def _f1(right: str, predicted: str) -> float:
    right, predicted = _segments(right), _segments(predicted)
    shared = _longest_shared_run(right, predicted)
    return harmonic_mean(shared / len(predicted), shared / len(right)) if shared else 0.0


def _longest_shared_run(first: Sequence[str], second: Sequence[str]) -> int:
    longest, runs = 0, [0] * (len(second) + 1)  # runs[j]: how long the run is that ends at second[j - 1]
    for segment in first:
        runs = [0, *(runs[place] + 1 if segment == other else 0 for place, other in enumerate(second))]
        longest = max(longest, *runs)
    return longest
