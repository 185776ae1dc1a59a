import itertools

import numpy as np
import pytest

from bert_tf.data import question_answering
from bert_tf.data.examples import Answer, ExampleCounts, Question
from bert_tf.data.question_answering import question_examples
from bert_tf.data.squad import read_squad
from bert_tf.text.tokenizer import WordPieceTokenizer
from tests.checks import data_file

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "q", "a", "b", "##c", "é", "😀"], False)
CONTEXT = "a 😀 é bc a a a bc"  # the answer is "bc" at character 6
FOUND = Question("1", "q q", CONTEXT, (Answer("x", None), Answer("bc", 6)), place="f:1")
NONE = Question("2", "q", "a b", (), True, place="f:2")
LOST = Question("3", "q", CONTEXT, (Answer("bcc", None),), place="f:3")
UNKNOWN = Question("4", "q", CONTEXT, (), place="f:4")
INVISIBLE = Question("5", "q", "a \x01 b", (Answer("\x01", 2),), place="f:5")


def rows(examples):
    ends = examples.row_splits
    return [examples.token_ids[start:end].tolist() for start, end in itertools.pairwise(ends)]


def test_answers_have_their_positions():
    examples = question_examples([FOUND, NONE], TOKENIZER)
    assert rows(examples) == [[2, 5, 5, 3, 6, 10, 9, 7, 8, 6, 6, 6, 7, 8, 3], [2, 5, 3, 6, 7, 3]]
    assert examples.first_lengths.tolist() == [4, 3]
    assert examples.labels["start_logits"].tolist() == [7, 0]
    assert examples.labels["end_logits"].tolist() == [8, 0]
    (inputs, labels, weights), = examples.evaluation_batches(2).as_numpy_iterator()
    assert set(labels) == set(weights) == {"start_logits", "end_logits"}
    assert inputs["segment_ids"][1].tolist() == [0] * 4 + [1] * 11


def test_windows_without_the_answer_point_at_cls():
    # Room for four pieces of the context, two from window to window.
    examples = question_examples([FOUND], TOKENIZER, max_length=9, stride=2)
    assert [row[4:-1] for row in rows(examples)] == [[6, 10, 9, 7], [9, 7, 8, 6], [8, 6, 6, 6], [6, 6, 7, 8]]
    assert examples.labels["start_logits"].tolist() == [0, 5, 0, 0]
    assert examples.labels["end_logits"].tolist() == [0, 6, 0, 0]
    assert examples.sources.tolist() == [0, 0, 0, 0]


def test_questions_whose_answer_is_not_known_are_left_out_and_counted():
    counts = ExampleCounts()
    examples = question_examples([LOST, FOUND, UNKNOWN, INVISIBLE, NONE], TOKENIZER, counts=counts)
    assert examples.sources.tolist() == [1, 4]
    assert counts.skipped == {"no answer that stands in the context": 2, "an answer without tokens": 1}
    assert counts.places["an answer without tokens"] == ["f:5"]
    with pytest.raises(ValueError, match="at least one question with an answer"):
        question_examples([LOST, UNKNOWN], TOKENIZER)


def test_many_questions_are_built_in_several_calls(monkeypatch):
    questions = [FOUND, NONE, LOST] * 5
    expected = question_examples(questions, TOKENIZER, max_length=9, stride=2)
    monkeypatch.setattr(question_answering, "_QUESTIONS_PER_CALL", 3)
    examples = question_examples(questions, TOKENIZER, max_length=9, stride=2)
    assert rows(examples) == rows(expected)
    np.testing.assert_array_equal(examples.sources, expected.sources)
    for name in ("start_logits", "end_logits"):
        np.testing.assert_array_equal(examples.labels[name], expected.labels[name])


@pytest.mark.parametrize("parts, vocabulary", [
    (("squad", "dev-v2.0-cs224n.json"), "bert-base-uncased-vocab.txt"),
    (("squad-zh", "cmrc2018-trial.json"), "bert-base-chinese-vocab.txt")])
def test_the_tokens_at_the_positions_are_those_of_the_answer(parts, vocabulary):
    questions = read_squad(str(data_file(*parts)))[:600]
    tokenizer = WordPieceTokenizer(data_file("vocab", vocabulary))
    examples = question_examples(questions, tokenizer, max_length=128, stride=64, max_question_length=24)
    starts, ends = examples.labels["start_logits"], examples.labels["end_logits"]
    found, exact = set(), set()
    for number in np.flatnonzero(starts):
        question = examples.sources[number]
        tokens = examples.token_ids[examples.row_splits[number]:][starts[number]:ends[number] + 1]
        found.add(question)
        if np.array_equal(tokens, tokenizer.tokenize(_answer(questions[question])).numpy()):
            exact.add(question)
    # Answers of up to 37 tokens lie in a window as a whole; one that ends inside a word has other tokens alone.
    short = {number for number, question in enumerate(questions)
             if _answer(question) and tokenizer.tokenize(_answer(question)).shape[0] <= 37}
    assert short <= found and len(exact) > 0.97 * len(found) > 0


def _answer(question):
    return next((answer.text for answer in question.answers if answer.start is not None), None)
