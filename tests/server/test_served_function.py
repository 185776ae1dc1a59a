import numpy as np
import pytest
from starlette.testclient import TestClient

from bert_tf.server.app import make_app
from bert_tf.server.served_function import ServedFunction

ADDRESS = "/v1/models/echo"


def echo(inputs):
    """The text, its length, and the lengths of the words."""
    text, words = inputs["text"], inputs["words"]
    return {"text": text, "length": np.array([len(value) for value in text], np.int32),
            "lengths": np.array([[len(word) for word in row] for row in words], np.float32)}


@pytest.fixture(scope="module")
def client():
    return TestClient(make_app(ServedFunction("echo", echo, {"text": 1, "words": 2}), max_request_bytes=1_000))


def test_metadata_like_tf_servings(client):
    body = client.get(f"{ADDRESS}/metadata").json()
    assert body["model_spec"] == {"name": "echo", "signature_name": "", "version": "1"}
    signature = body["metadata"]["signature_def"]["signature_def"]["serving_default"]

    def tensor(name, dtype, axes):
        return {"dtype": dtype, "name": name, "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}] * axes, "unknown_rank": False}}

    assert signature["inputs"] == {"text": tensor("text", "DT_STRING", 1), "words": tensor("words", "DT_STRING", 2)}
    assert signature["outputs"] == {
        "text": tensor("text", "DT_STRING", 1), "length": tensor("length", "DT_INT32", 1),
        "lengths": tensor("lengths", "DT_FLOAT", 2)}
    assert signature["method_name"] == "tensorflow/serving/predict"


def test_answers_by_rows_and_by_columns(client):
    rows = [{"text": "é", "words": ["a", "bc"]}, {"text": "", "words": ["", "d"]}]
    assert client.post(f"{ADDRESS}:predict", json={"instances": rows}).json() == {"predictions": [
        {"text": "é", "length": 2, "lengths": [1.0, 2.0]}, {"text": "", "length": 0, "lengths": [0.0, 1.0]}]}
    columns = {"text": ["x"], "words": [["abc"]]}
    assert client.post(f"{ADDRESS}/versions/1:predict", json={"inputs": columns}).json() == {"outputs": {
        "text": ["x"], "length": [1], "lengths": [[3.0]]}}


def test_refuses_requests_without_strings_and_unknown_signatures(client):
    for columns, name in (({"text": [], "words": []}, "text"), ({"text": ["a"], "words": [[]]}, "words")):
        response = client.post(f"{ADDRESS}:predict", json={"inputs": columns})
        assert response.status_code == 400
        if columns["text"]:
            assert response.json() == {"error": f"Expected strings in `{name}`. Received: none."}
    response = client.post(f"{ADDRESS}:predict", json={"inputs": {}, "signature_name": "from_ids"})
    assert response.json() == {
        "error": "Expected `signature_name` to be one of serving_default. Received: 'from_ids'."}
