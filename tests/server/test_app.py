import base64
import json

import anyio
import numpy as np
import pytest
import tensorflow as tf
from starlette.testclient import TestClient

from bert_tf.server.app import make_app
from bert_tf.server.served_model import ServedModel


class Lengths(tf.Module):
    """Number of bytes of a text, and the text itself."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def lengths(self, text):
        return {"length": tf.strings.length(text), "text_bytes": text}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="token_ids")])
    def small(self, token_ids):
        with tf.control_dependencies([tf.debugging.assert_less(token_ids, 10, message="id too large")]):
            return {"double": 2 * token_ids}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "lengths"
    module = Lengths()
    for version in ("1", "3"):
        tf.saved_model.save(module, folder / version, signatures={
            "serving_default": module.lengths, "from_ids": module.small})
    (folder / "4").mkdir()  # not finished
    return folder


@pytest.fixture(scope="module")
def client(folder):
    return TestClient(make_app(ServedModel(folder), max_request_bytes=1_000_000))


ADDRESS = "/v1/models/lengths"


def test_status_of_the_newest_whole_version(client):
    for address in (ADDRESS, f"{ADDRESS}/versions/3"):
        assert client.get(address).json() == {"model_version_status": [
            {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]}
    assert client.get("/v1/models").json() == {"models": ["lengths"]}


def test_metadata_like_tf_servings(client):
    body = client.get(f"{ADDRESS}/metadata").json()
    assert body["model_spec"] == {"name": "lengths", "signature_name": "", "version": "3"}
    signature = body["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["text"] == {
        "dtype": "DT_STRING", "name": "serving_default_text:0",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}}
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert sorted(signature["outputs"]) == ["length", "text_bytes"]


def test_predict(client):
    assert client.post(f"{ADDRESS}:predict", json={"instances": ["a", "é"]}).json() == {"predictions": [
        {"length": 1, "text_bytes": {"b64": "YQ=="}}, {"length": 2, "text_bytes": {"b64": "w6k="}}]}
    assert client.post(f"{ADDRESS}/versions/3:predict", json={"inputs": {"text": ["abc"]}}).json() == {
        "outputs": {"length": [3], "text_bytes": [{"b64": "YWJj"}]}}
    assert client.post(f"{ADDRESS}:predict", json={"signature_name": "from_ids", "instances": [4]}).json() == {
        "predictions": [8]}


@pytest.mark.parametrize(("address", "body", "status", "message"), [
    (f"{ADDRESS}:predict", b"{", 400, "Expected JSON"),
    (f"{ADDRESS}:predict", b"\xff\xfe", 400, "Expected JSON"),
    (f"{ADDRESS}:predict", b"[" * 200_000, 400, "Expected JSON"),
    (f"{ADDRESS}:predict", b'{"instances": [' + b"1" * 5_000 + b"]}", 400, "Expected JSON"),
    (f"{ADDRESS}:predict", b"[]", 400, "a JSON object"),
    (f"{ADDRESS}:predict", b'{"instances": [1]}', 400, "`text` to hold string values"),
    (f"{ADDRESS}:predict", b'{"signature_name": "from_ids", "instances": [11]}', 400, "id too large"),
    (f"{ADDRESS}:predict", b'{"signature_name": ["x"], "instances": [11]}', 400, "signature_name"),
    (f"{ADDRESS}:predict", b"x" * 1_000_001, 413, "1000000 bytes"),
    ("/v1/models/other:predict", b"{}", 404, "the model lengths, version 3. Received: other"),
    (f"{ADDRESS}/versions/1:predict", b"{}", 404, "version 1"),
    (f"{ADDRESS}:classify", b"{}", 405, "Method Not Allowed"),
    (f"{ADDRESS}/metadata", b"{}", 405, "Method Not Allowed"),
])
def test_malformed_requests_get_an_error_and_a_message(client, address, body, status, message):
    response = client.post(address, content=body)
    assert response.status_code == status
    assert message in response.json()["error"]


@pytest.mark.parametrize("address", [f"{ADDRESS}:predict", f"{ADDRESS}/versions/3:predict"])
def test_answers_are_asked_for_by_post(client, address):
    response = client.get(address)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json() == {"error": "Expected a POST request."}


def test_a_body_that_does_not_tell_its_size_is_cut_off(client):
    response = client.post(f"{ADDRESS}:predict", content=(b"x" * 1000 for _ in range(1001)))
    assert response.status_code == 413


def test_a_client_that_goes_amid_its_request_is_no_failure(folder):
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": f"{ADDRESS}:predict", "headers": [], "query_string": b""}
    anyio.run(make_app(ServedModel(folder), max_request_bytes=1_000), scope, receive, send)
    assert sent[0]["status"] == 400


def test_random_bytes_are_answered_or_refused(client):
    random = np.random.default_rng(0)
    for size in random.integers(0, 60, 300):
        assert client.post(f"{ADDRESS}:predict", content=random.bytes(size)).status_code == 400
    for _ in range(20):
        texts = [random.bytes(size) for size in random.integers(0, 60, 500)]
        body = {"instances": [{"b64": base64.b64encode(text).decode()} for text in texts]}
        rows = client.post(f"{ADDRESS}:predict", content=json.dumps(body)).json()["predictions"]
        assert [base64.b64decode(row["text_bytes"]["b64"]) for row in rows] == texts


def test_the_page(client):
    response = client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    assert "http://" not in response.text and "https://" not in response.text  # nothing from elsewhere


def test_refuses_what_is_no_model(folder, tmp_path):
    with pytest.raises(ValueError, match="folder with exported models"):
        ServedModel(tmp_path)
    with pytest.raises(ValueError, match=r"versions \[1, 3\] in .*Received: version=2"):
        ServedModel(folder, version=2)
    assert ServedModel(folder, version=1).version == 1
