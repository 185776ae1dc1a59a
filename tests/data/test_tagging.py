import itertools

import numpy as np
import pytest

from bert_tf.data.conll import read_conll
from bert_tf.data.examples import TaggedSentence
from bert_tf.data.tagging import tagging_examples, tags_of_words
from bert_tf.data.tagging_schemes import tag_names
from bert_tf.text.tokenizer import WordPieceTokenizer
from tests.checks import data_file

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "##d"])
LABELS = tag_names(["x"])
SENTENCES = [TaggedSentence(("bcd", "a", "\x01", "b"), ("B-x", "I-x", "O", "B-x"), "f:1"),
             TaggedSentence(("\x01",), ("O",), "f:6"), TaggedSentence(("a",), ("B-x",), "f:8")]


def test_first_pieces_are_labelled():
    examples = tagging_examples(SENTENCES, TOKENIZER, labels=LABELS, max_length=12)
    assert examples.token_ids.tolist() == [2, 6, 7, 8, 5, 6, 3, 2, 5, 3]
    assert examples.token_words.tolist() == [-1, 0, -1, -1, 1, 3, -1, -1, 0, -1]
    assert examples.token_labels.tolist() == [-1, 1, -1, -1, 2, 1, -1, -1, 1, -1]
    assert examples.sources.tolist() == [0, 2]
    (inputs, labels, weights), = examples.evaluation_batches(4).as_numpy_iterator()
    assert inputs["token_ids"].tolist() == [[2, 5, 3] + [0] * 4, [2, 6, 7, 8, 5, 6, 3]]
    assert labels["logits"].tolist() == [[-1, 1] + [-1] * 5, [-1, 1, -1, -1, 2, 1, -1]]
    assert weights["logits"].tolist() == [[0, 1] + [0] * 5, [0, 1, 0, 0, 1, 1, 0]]
    assert not inputs["segment_ids"].any()


@pytest.mark.parametrize("max_length, rows", [
    (5, [[6, 7, 8], [5, 6], [5]]),
    (4, [[6, 7], [5, 6], [5]]),  # the first word alone is too long
    (6, [[6, 7, 8, 5], [6], [5]]),
])
def test_long_sentences_are_cut_between_words(max_length, rows):
    examples = tagging_examples(SENTENCES, TOKENIZER, labels=LABELS, max_length=max_length)
    ends = examples.row_splits
    assert [examples.token_ids[start + 1:end - 1].tolist() for start, end in itertools.pairwise(ends)] == rows
    assert examples.sources.tolist() == [0, 0, 2]
    assert (examples.token_words >= 0).sum() == 4


@pytest.mark.parametrize("max_length", [4, 6, 12])
def test_predictions_find_their_words(max_length):
    examples = tagging_examples(SENTENCES, TOKENIZER, labels=LABELS, max_length=max_length)
    ends = examples.row_splits
    perfect = [np.append(np.maximum(examples.token_labels[start:end], 0), [2, 2])  # padding is predicted, too
               for start, end in itertools.pairwise(ends)]
    assert tags_of_words(examples, perfect, SENTENCES, LABELS) == [list(sentence.tags) for sentence in SENTENCES]


def test_without_tags():
    examples = tagging_examples([TaggedSentence(("a", "b"))], TOKENIZER, labels=LABELS)
    assert examples.token_labels is None and examples.token_words.tolist() == [-1, 0, 1, -1]


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"only the tags O, B-y, I-y in the sentence at f:1. .*tags=\['B-x', 'I-x'\]"):
        tagging_examples(SENTENCES, TOKENIZER, labels=tag_names(["y"]))
    with pytest.raises(ValueError, match="at least one sentence that is not empty"):
        tagging_examples(SENTENCES[1:2], TOKENIZER, labels=LABELS)
    with pytest.raises(ValueError, match="max_length=2"):
        tagging_examples(SENTENCES, TOKENIZER, labels=LABELS, max_length=2)


@pytest.mark.parametrize("max_length", [128, 20])
def test_no_word_of_the_real_file_is_lost(max_length):
    sentences = read_conll(str(data_file("ner", "wnut17", "dev.conll")))
    labels = tag_names(sorted({tag[2:] for sentence in sentences for tag in sentence.tags if tag != "O"}))
    tokenizer = WordPieceTokenizer(data_file("vocab", "bert-base-uncased-vocab.txt"))
    examples = tagging_examples(sentences, tokenizer, labels=labels, max_length=max_length)
    assert examples.lengths.max() <= max_length
    ends = examples.row_splits
    gold = [np.maximum(examples.token_labels[start:end], 0) for start, end in itertools.pairwise(ends)]
    assert tags_of_words(examples, gold, sentences, labels) == [list(sentence.tags) for sentence in sentences]
