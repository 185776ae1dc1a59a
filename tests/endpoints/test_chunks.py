import numpy as np
import pytest
import tensorflow as tf

from bert_tf.endpoints.chunks import in_chunks, rows_between


@pytest.mark.parametrize("num_rows", [0, 1, 3, 4, 9])
def test_joins_the_answers_of_all_chunks(num_rows):
    values = np.arange(18, dtype=np.float32).reshape(9, 2)
    sizes = []

    def answer(start, limit):
        rows = values[:num_rows]
        part = tf.constant(rows)[start:limit]
        tf.py_function(lambda size: sizes.append(int(size)), [tf.shape(part)[0]], [])
        return {"row": part, "pair": tf.repeat(part[:, 0], 2)}

    specs = {"row": tf.TensorSpec([None, 2], tf.float32), "pair": tf.TensorSpec([None], tf.float32)}
    answers = tf.function(lambda count: in_chunks(answer, count, specs, size=3))(tf.constant(num_rows, tf.int64))

    np.testing.assert_array_equal(answers["row"], values[:num_rows])
    np.testing.assert_array_equal(answers["pair"], np.repeat(values[:num_rows, 0], 2))
    assert max(sizes) <= 3 and len(sizes) == max(-(-num_rows // 3), 1)


def test_leaves_out_the_padding_that_only_other_rows_need():
    mask = np.array([[1] * 60, [1] * 10 + [0] * 50, [1] * 17 + [0] * 43])
    features = {"padding_mask": tf.constant(mask), "token_ids": tf.constant(mask * 7)}
    assert rows_between(features, 1, 2, max_length=60)["token_ids"].shape == (1, 10)
    assert rows_between(features, 1, 3, max_length=60)["token_ids"].shape == (2, 20)
    assert rows_between(features, 0, 3, max_length=60)["token_ids"].shape == (3, 60)
    assert rows_between(features, 0, 0, max_length=60)["token_ids"].shape == (0, 8)
