import numpy as np
import pytest
import tensorflow as tf

from bert_tf.server.rest import RequestError, body_of, signature_name, tensors_of
from bert_tf.server.served_model import Signature

ONE = Signature({"text": tf.TensorSpec([None], tf.string)}, ("label",))
TWO = Signature({"text": tf.TensorSpec([None], tf.string), "second_text": tf.TensorSpec([None], tf.string)}, ("label",))
IDS = Signature({"token_ids": tf.TensorSpec([None, None], tf.int32)}, ("embedding",))


@pytest.mark.parametrize("request_", [
    {"instances": ["a", "é"]},
    {"instances": [{"text": "a"}, {"text": "é"}]},
    {"instances": [{"b64": "YQ=="}, {"text": "é"}][:1] + [{"b64": "w6k="}]},
    {"inputs": ["a", "é"]},
    {"inputs": {"text": ["a", {"b64": "w6k="}]}},
])
def test_all_forms_of_one_input(request_):
    tensors, by_rows = tensors_of(request_, ONE)
    assert by_rows == ("instances" in request_)
    assert tensors["text"].numpy().tolist() == [b"a", "é".encode()]


def test_rows_and_columns_of_two_inputs():
    rows, _ = tensors_of({"instances": [{"text": "a", "second_text": "b"}, {"text": "c", "second_text": "d"}]}, TWO)
    columns, _ = tensors_of({"inputs": {"text": ["a", "c"], "second_text": ["b", "d"]}}, TWO)
    for tensors in (rows, columns):
        assert {name: value.numpy().tolist() for name, value in tensors.items()} == {
            "text": [b"a", b"c"], "second_text": [b"b", b"d"]}


def test_numbers():
    tensors, _ = tensors_of({"instances": [{"token_ids": [1, 2]}, {"token_ids": [3, 4]}]}, IDS)
    assert tensors["token_ids"].dtype == tf.int32
    assert tensors["token_ids"].numpy().tolist() == [[1, 2], [3, 4]]


def test_a_lone_surrogate_becomes_a_question_mark():
    assert tensors_of({"instances": ["a\ud800"]}, ONE)[0]["text"].numpy().tolist() == [b"a?"]


@pytest.mark.parametrize(("request_", "signature", "message"), [
    ({}, ONE, "either `instances`"),
    ({"instances": ["a"], "inputs": ["a"]}, ONE, "Received: inputs, instances"),
    ({"instances": []}, ONE, "an empty list"),
    ({"instances": "a"}, ONE, "Received: str"),
    ({"instances": [{"txt": "a"}]}, ONE, "Expected the inputs text. Received: txt"),
    ({"instances": ["a"]}, TWO, "rows with the names second_text, text"),
    ({"inputs": ["a"]}, TWO, "`inputs` with the names second_text, text"),
    ({"instances": [{"text": "a"}, "b"]}, ONE, "another form in row 1"),
    ({"instances": ["abc", {"text": "a"}]}, ONE, "the names text. Received: another form in row 0"),
    ({"instances": [1, {"text": "a"}]}, ONE, "the names text. Received: another form in row 0"),
    ({"instances": [{"text": "a", "second_text": "b"}, {"text": "a"}]}, TWO, "another form in row 1"),
    ({"instances": [1]}, ONE, "`text` to hold string values"),
    ({"instances": [None]}, ONE, "`text` to hold string values"),
    ({"instances": [["a"]]}, ONE, r"shape \(any\). Received: \(1, 1\)"),
    ({"inputs": "a"}, ONE, r"shape \(any\). Received: \(\)"),
    ({"instances": [{"b64": "?"}]}, ONE, "`text` to hold string values"),
    ({"inputs": {"text": ["a"], "second_text": ["b", "c"]}}, TWO, "as many values for every input"),
    ({"instances": [{"token_ids": [1]}, {"token_ids": [1, 2]}]}, IDS, "`token_ids` to hold int32 values"),
    ({"instances": [{"token_ids": [2**40]}]}, IDS, "`token_ids` to hold int32 values"),
])
def test_refuses(request_, signature, message):
    with pytest.raises(RequestError, match=message):
        tensors_of(request_, signature)


def test_refuses_lists_in_lists_without_end():
    values = "a"
    for _ in range(5000):
        values = [values]
    with pytest.raises(RequestError, match=r"`text` to hold string values.*\[\[\.\.\.\]\]"):
        tensors_of({"inputs": {"text": values}}, ONE)


def test_signature_names():
    signatures = {"serving_default": ONE, "from_ids": IDS}
    assert signature_name({}, signatures) == signature_name({"signature_name": ""}, signatures) == "serving_default"
    assert signature_name({"signature_name": "from_ids"}, signatures) == "from_ids"
    with pytest.raises(RequestError, match="from_ids, serving_default. Received: 'x'"):
        signature_name({"signature_name": "x"}, signatures)
    with pytest.raises(RequestError, match="a JSON object. Received: list"):
        signature_name([], signatures)


LABELS = np.array(["good", "bäd".encode()], object)
LABELS[0] = b"good"


def test_answers_by_rows_and_columns():
    outputs = {"label": LABELS, "score": np.array([0.5, 0.25], np.float32)}
    assert body_of(outputs, by_rows=True) == {
        "predictions": [{"label": "good", "score": 0.5}, {"label": "bäd", "score": 0.25}]}
    assert body_of(outputs, by_rows=False) == {"outputs": {"label": ["good", "bäd"], "score": [0.5, 0.25]}}


def test_a_single_output_has_no_name():
    assert body_of({"label": LABELS}, by_rows=True) == {"predictions": ["good", "bäd"]}
    assert body_of({"label": LABELS}, by_rows=False) == {"outputs": ["good", "bäd"]}


def test_only_names_in_bytes_are_encoded():
    assert body_of({"label_bytes": LABELS}, by_rows=True) == {"predictions": [{"b64": "Z29vZA=="}, {"b64": "YsOkZA=="}]}
    assert body_of({"label": np.array([b"\xff"], object)}, by_rows=True) == {"predictions": ["\ufffd"]}
