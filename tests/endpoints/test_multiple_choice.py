import numpy as np
import pytest
import tensorflow as tf

from bert_tf.endpoints.multiple_choice import MultipleChoice
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.text.packing import pack
from tests.endpoints.tiny import CONFIG, ODD_TEXTS, check_rows_are_independent, randomised, tokenizer

CONTEXTS = ["a cat in", "猫"]
CHOICES = [["Paris.", "a cat"], ["国", "lee", "cats"]]


@pytest.fixture(scope="module")
def chooser():
    return MultipleChoice(randomised(BertMultipleChoice(CONFIG)))


def expected_probabilities(model, context, choices):
    split, vocabulary = tokenizer().tokenize, tokenizer().vocabulary
    rows = pack(split([context] * len(choices)), split(choices), cls_id=vocabulary.cls_id, sep_id=vocabulary.sep_id,
                pad_id=vocabulary.pad_id, max_length=CONFIG.max_sequence_length)
    logits = np.asarray(model({name: values[tf.newaxis] for name, values in rows.items()})["logits"])[0]
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("choices", [
    CHOICES, tf.ragged.constant(CHOICES), tf.constant([["Paris.", "a cat", ""], CHOICES[1]])])
def test_answers_as_the_model_does(chooser, choices):
    answer = chooser(CONTEXTS, choices)
    assert answer["probabilities"].shape == (2, 3) and answer["probabilities"][0, 2] == 0
    for row, (context, own) in enumerate(zip(CONTEXTS, CHOICES, strict=True)):
        expected = expected_probabilities(chooser.model, context, own)
        np.testing.assert_allclose(answer["probabilities"][row, :len(own)], expected, atol=1e-6)
        assert answer["choice"][row] == expected.argmax()
        assert answer["answer"][row] == own[expected.argmax()].encode()


def test_predicts_plain_python(chooser):
    for one, context, choices in zip(chooser.predict(CONTEXTS, CHOICES), CONTEXTS, CHOICES, strict=True):
        expected = expected_probabilities(chooser.model, context, choices)
        np.testing.assert_allclose(one["probabilities"], expected, atol=1e-6)
        assert one["choice"] == expected.argmax() and one["answer"] == choices[one["choice"]]
    assert chooser.predict([], []) == []


def test_empty_choices_count_where_there_are_no_others(chooser):
    np.testing.assert_allclose(chooser(["a"], [["", ""]])["probabilities"], [[0.5, 0.5]], atol=1e-6)
    assert chooser([], tf.zeros([0, 2], tf.string))["choice"].shape == (0,)


def test_empty_choices_do_not_depend_on_other_rows(chooser):
    alone, = chooser.predict(["a"], [["", ""]])
    assert alone == {"choice": 0, "answer": "", "probabilities": [0.5, 0.5]}
    assert chooser.predict(["a", "a"], [["", ""], ["a", "b", "cat"]])[0] == alone


def test_odd_strings_do_not_disturb(chooser):
    choices = [[text, "cat", text[:5]] for text in ODD_TEXTS]
    check_rows_are_independent(chooser, ODD_TEXTS[::-1], choices)


@pytest.mark.parametrize(("choices", "message"), [
    ([["a"], []], "at least one choice for each context"), (["a", "b"], "`choices` to be a list of strings"),
    ([["a", 1]], "element=1"), (tf.constant(["a"]), r"`choices` to be strings of shape \(batch, choices\)")])
def test_refuses_choices_that_are_none(chooser, choices, message):
    with pytest.raises(ValueError, match=message):
        chooser(["a", "b"], choices)
