import pytest
import tensorflow as tf

from bert_tf.endpoints.inputs import in_batches, string_batch


def test_takes_strings_bytes_and_tensors():
    assert string_batch(["né", b"\xff"]).numpy().tolist() == ["né".encode(), b"\xff"]
    assert string_batch(text for text in "ab").numpy().tolist() == [b"a", b"b"]
    assert string_batch([]).shape == (0,) and string_batch([]).dtype == tf.string
    tensor = tf.constant(["a"])
    assert string_batch(tensor) is tensor


def test_half_a_surrogate_pair_keeps_its_place():
    assert string_batch(["a\ud83db"]).numpy().tolist() == [b"a?b"]


@pytest.mark.parametrize(("texts", "message"), [
    ("abc", "`context` to be a list of strings. Received: context='abc'"),
    (3, "context=3"), (None, "context=None"), (["a", None], "element=None"), ([["a"]], "element=\\['a'\\]"),
    (tf.constant([1]), "dtype='int32'"), (tf.constant("a"), r"shape=\(\)")])
def test_refuses_what_is_no_list_of_strings(texts, message):
    with pytest.raises(ValueError, match=message):
        string_batch(texts, "context")


def test_batches_hold_similar_lengths_and_keep_the_order():
    seen = []

    def answer(first, second):
        seen.append(first)
        return [f"{a}-{b}" for a, b in zip(first, second, strict=True)]

    assert in_batches(answer, ["aaaa", "b", "ccc", "dd"], iter("1234"), batch_size=2) == ["aaaa-1", "b-2", "ccc-3",
                                                                                          "dd-4"]
    assert seen == [["b", "dd"], ["ccc", "aaaa"]]
    assert in_batches(answer, [], [], batch_size=2) == []


def test_refuses_columns_of_different_lengths_and_empty_batches():
    with pytest.raises(ValueError, match=r"numbers=\[2, 1\]"):
        in_batches(zip, ["a", "b"], ["a"], batch_size=2)
    with pytest.raises(ValueError, match="batch_size=0"):
        in_batches(zip, ["a"], batch_size=0)


@pytest.mark.parametrize("element", [None, 3, float("nan")])
def test_refuses_columns_with_other_things_than_texts(element):
    with pytest.raises(ValueError, match=f"Expected lists of strings. Received: element={element}"):
        in_batches(zip, ["a", element], batch_size=2)
