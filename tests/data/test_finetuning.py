import numpy as np
import pytest

from bert_tf.config import EncoderConfig
from bert_tf.data.examples import ChoiceExample, TextExample
from bert_tf.data.finetuning import choice_examples, classification_examples, pair_examples, regression_examples
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.sentence_pairs import BertSentencePairs
from bert_tf.text.tokenizer import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c"])
CONFIG = EncoderConfig(vocabulary_size=8, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4,
                       max_sequence_length=16)
SINGLE = [TextExample("a bc", None, "yes", "f:1"), TextExample("b", None, "no", "f:2"),
          TextExample("\x01", None, "no", "f:3")]
PAIRS = [TextExample("a", "b", "0.5", "f:1"), TextExample("a a a a a a", "bc b", "2", "f:2")]
CHOICES = [ChoiceExample("a", ("b", "bc"), 1, "f:1"), ChoiceExample("b b", ("a", "a a"), 0, "f:2")]


def only_batch(examples):
    (batch,) = examples.evaluation_batches(8).as_numpy_iterator()
    return batch


def fits(model, examples):
    """One step of training gives a finite loss."""
    model.compile("sgd")
    history = model.fit(examples.training_batches(2), steps_per_epoch=examples.steps_per_epoch(2), shuffle=False,
                        verbose=0)
    return np.isfinite(history.history["loss"]).all()


def test_single_texts_with_labels():
    examples = classification_examples(SINGLE, TOKENIZER, labels=("no", "yes"), max_length=8)
    assert examples.labels["logits"].tolist() == [1, 0, 0]
    inputs, labels, weights = only_batch(examples)
    # Shortest first; a text without pieces keeps its place.
    assert inputs["token_ids"].tolist() == [[2, 3, 0, 0, 0], [2, 6, 3, 0, 0], [2, 5, 6, 7, 3]]
    assert labels["logits"].tolist() == [0, 0, 1] and weights["logits"].tolist() == [1, 1, 1]
    assert fits(BertClassifier(CONFIG, ["no", "yes"]), examples)


def test_pairs_are_cut_and_numbers_are_labels():
    examples = regression_examples(PAIRS, TOKENIZER, max_length=8)
    inputs, labels, _ = only_batch(examples)
    assert inputs["token_ids"].tolist() == [[2, 5, 3, 6, 3, 0, 0, 0], [2, 5, 5, 5, 3, 6, 7, 3]]
    assert inputs["segment_ids"].tolist() == [[0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]]
    assert labels["logits"].tolist() == [0.5, 2] and labels["logits"].dtype == np.float32
    assert fits(BertClassifier(CONFIG, ["score"], problem_type="regression"), examples)


def test_without_labels():
    examples = [TextExample("a"), TextExample("b")]
    assert classification_examples(examples, TOKENIZER, labels=("no", "yes")).labels == {}
    assert regression_examples(examples, TOKENIZER).labels == {}


def test_choices_are_rows():
    examples = choice_examples(CHOICES, TOKENIZER, max_length=8)
    inputs, labels, _ = only_batch(examples)
    assert inputs["token_ids"].tolist() == [[[2, 5, 3, 6, 3, 0, 0], [2, 5, 3, 6, 7, 3, 0]],
                                            [[2, 6, 6, 3, 5, 3, 0], [2, 6, 6, 3, 5, 5, 3]]]
    assert labels["logits"].tolist() == [1, 0]
    assert fits(BertMultipleChoice(CONFIG), examples)


@pytest.mark.parametrize("objective, score_range, expected", [("scores", (0, 5), [0.1, 0.4]),
                                                              ("negatives", None, [1, 1])])
def test_pairs_for_embeddings(objective, score_range, expected):
    examples = pair_examples(PAIRS, TOKENIZER, max_length=6, score_range=score_range)
    inputs, labels, _ = only_batch(examples)
    assert inputs["token_ids"].tolist() == [[[2, 5, 3, 0, 0, 0], [2, 6, 3, 0, 0, 0]],
                                            [[2, 5, 5, 5, 5, 3], [2, 6, 7, 6, 3, 0]]]
    assert not inputs["segment_ids"].any()
    np.testing.assert_allclose(labels["embedding"], expected)
    assert fits(BertSentencePairs(BertSentenceEmbedder(CONFIG, pooler=False), objective=objective), examples)


def test_many_texts_are_tokenised_in_several_calls(monkeypatch):
    from bert_tf.data import packed_rows

    expected = classification_examples(SINGLE * 3, TOKENIZER, labels=("no", "yes"))
    monkeypatch.setattr(packed_rows, "TEXTS_PER_CALL", 2)
    examples = classification_examples(SINGLE * 3, TOKENIZER, labels=("no", "yes"))
    np.testing.assert_array_equal(examples.token_ids, expected.token_ids)
    np.testing.assert_array_equal(examples.row_splits, expected.row_splits)


@pytest.mark.parametrize("build, message", [
    (lambda: classification_examples(SINGLE, TOKENIZER, labels=("yes", "maybe")),
     "one of the labels yes, maybe at f:2. Received: label='no'"),
    (lambda: regression_examples([TextExample("a", None, "1"), *PAIRS], TOKENIZER),
     "single texts at f:1, as in the first row. Received: second_text='b'"),
    (lambda: regression_examples(SINGLE, TOKENIZER), "a number as score at f:1. Received: score='yes'"),
    (lambda: choice_examples([*CHOICES, ChoiceExample("a", ("b",) * 3, 0, "f:3")], TOKENIZER),
     "2 choices at f:3, as in the first row. Received: choices=3"),
    (lambda: pair_examples(PAIRS, TOKENIZER, score_range=(0, 1)), r"a score in \(0, 1\) at f:2"),
    (lambda: classification_examples([], TOKENIZER, labels=("yes", "no")), "at least one example"),
])
def test_says_what_is_wrong(build, message):
    with pytest.raises(ValueError, match=message):
        build()
