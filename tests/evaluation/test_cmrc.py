import pytest

from bert_tf.evaluation.cmrc import cmrc_scores
from tests.evaluation.asked import asked


@pytest.mark.parametrize("predicted, answer, exact, f1", [
    ("韩国。", "韩国", 1, 1),
    ("《韩国》Nexon", "韩国nexon", 1, 1),
    ("韩国", "在韩国", 0, 2 * 1 * (2 / 3) / (1 + 2 / 3)),  # two of three characters
    ("国韩", "韩国", 0, 0.5),  # a run of one character
    ("Nexon公司", "nexon 开发", 0, 2 * (1 / 3) * (1 / 3) / (2 / 3)),  # the name is one segment of three
    ("1,000.5米", "1,000.5 米", 0, 1),
    ("", "韩国", 0, 0),
])
def test_one_question(predicted, answer, exact, f1):
    assert cmrc_scores([asked(answer)], {"q": predicted}) == pytest.approx(
        {"exact_match": 100 * exact, "f1": 100 * f1})


def test_the_best_of_several_answers_and_the_mean_of_the_questions():
    questions = [asked("中国", "韩国"), asked("中国", id_="unanswered")]
    assert cmrc_scores(questions, {"q": "韩国"}) == {"exact_match": 50, "f1": 50}
    with pytest.raises(ValueError, match="at least one question"):
        cmrc_scores([], {})
    with pytest.raises(ValueError, match="right answer for every question"):
        cmrc_scores([asked()], {})
