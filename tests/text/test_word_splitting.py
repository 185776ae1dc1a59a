import tensorflow as tf

from bert_tf.text.word_splitting import split_words


def test_splits_at_spaces_and_around_punctuation():
    texts = ["ab国, c", "", "  .. é—x  ", "국国", "$5"]
    words, starts, row_splits = split_words(tf.constant(texts))
    assert [word.decode() for word in words.numpy()] == ["ab国", ",", "c", ".", ".", "é", "—", "x", "국国", "$", "5"]
    assert starts.numpy().tolist() == [0, 5, 7, 2, 3, 5, 7, 10, 0, 0, 1]
    assert row_splits.numpy().tolist() == [0, 3, 3, 8, 9, 11]


def test_splits_an_empty_batch():
    words, starts, row_splits = split_words(tf.constant([], tf.string))
    assert (words.shape, starts.shape, row_splits.numpy().tolist()) == ((0,), (0,), [0])
