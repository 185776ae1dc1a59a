import concurrent.futures
import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from starlette.testclient import TestClient
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from bert_tf.export.saved_model import load_signatures
from bert_tf.export.warmup import FILE as WARMUP
from bert_tf.model_directory import load_model
from bert_tf.server.app import make_app
from bert_tf.server.served_model import ServedModel
from bert_tf.workflows.export import export_hub, export_saved_model
from tests.weights.hugging_face_models import FOLDER, copy_of

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "export.py"
PAIR = {"text": ["the cat sat", "red"], "second_text": ["on that mat", "blue fish"]}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Version 1: pre-training. Version 2, by the script: pairs in bfloat16."""
    folder = tmp_path_factory.mktemp("saved_models") / "tiny"
    lines = []
    written = export_saved_model(str(FOLDER / "BertForPreTraining"), str(folder), max_length=20, report=lines.append)
    assert written == folder / "1"
    assert lines == [
        "endpoint   FillMask: at most 20 tokens",
        "signature  serving_default: text -> num_blanks, probability, token, token_id",
        "signature  next_sentence: text, second_text -> label, probabilities",
        "signature  from_ids: token_ids, segment_ids, padding_mask -> masked_lm, next_sentence",
        f"written    {folder}/1; how to serve it: {folder}/README.md"]
    return folder


@pytest.fixture(scope="module")
def signatures(output):
    return load_signatures(output / "1")


def test_writes_a_version_and_what_belongs_beside_it(output):
    assert {path.name for path in output.iterdir()} >= {
        "1", "README.md", "batching.config", "docker-compose.yml", "models.config"}
    assert {path.name for path in (output / "1").iterdir()} >= {"saved_model.pb", "variables", "assets.extra"}
    assert 'name: "tiny"' in (output / "models.config").read_text()


def test_max_length_cuts(signatures):
    answer = signatures["serving_default"](text=tf.constant(["[MASK] " * 30]))
    assert answer["num_blanks"].numpy().tolist() == [18]


def test_warmup_requests_have_every_length_and_are_answered(output, signatures):
    lengths = {name: [] for name in signatures}
    tokenizer = load_model(FOLDER / "BertForPreTraining").tokenizer
    for record in tf.data.TFRecordDataset(str(output / "1" / WARMUP)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == "tiny"
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        signatures[request.model_spec.signature_name](**inputs)
        if "token_ids" in inputs:
            length = inputs["token_ids"].shape[1]
        else:
            texts = [text.numpy()[0].decode().replace("[MASK]", ".") for text in inputs.values()]
            length = 1 + len(texts) + sum(len(pieces) for pieces in tokenizer.tokenize(texts).to_list())
        lengths[request.model_spec.signature_name].append(length)
    assert lengths == dict.fromkeys(("serving_default", "next_sentence", "from_ids"), [8, 10, 12, 14, 16, 20])


def test_the_curl_call_of_the_readme_gets_the_answer_of_the_readme(output):
    readme = (output / "README.md").read_text()
    name, request = re.search(r"curl http://localhost:8501(\S+) -d '(.*)'", readme).groups()
    shown = json.loads(re.search(r"```json\n(.*?)```", readme, re.S)[1])
    columns = json.loads(re.search(r"`-d '(.*?)'`", readme)[1])
    client = TestClient(make_app(ServedModel(output), max_request_bytes=10_000))

    assert client.post(name, content=request).json() == approximately(shown)
    (row,) = shown["predictions"]
    by_columns = client.post(name, content=json.dumps(columns)).json()
    assert by_columns == approximately({"outputs": {key: [value] for key, value in row.items()}})


def test_the_grpc_call_of_the_readme_prints_the_answer_of_the_readme(output, signatures):
    readme = (output / "README.md").read_text()
    code, shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", readme, re.S).groups()

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802 - the name that gRPC looks for
            inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
            answer = predict_pb2.PredictResponse()
            for name, value in signatures["serving_default"](**inputs).items():
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return answer

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.replace("localhost:8500", f"127.0.0.1:{port}"), "README.md", "exec"), {})
    server.stop(None)
    assert printed.getvalue() == shown


@pytest.mark.slow
def test_the_script_writes_the_next_version(tmp_path):
    output = tmp_path / "pairs"
    (output / "6").mkdir(parents=True)
    source = FOLDER / "BertForSequenceClassification"
    done = subprocess.run([sys.executable, str(SCRIPT), f"--model={source}", f"--output={output}", "--pairs",
                           "--precision=bfloat16"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "signature  serving_default: text, second_text -> label, " in done.stdout

    signatures = load_signatures(output / "7")

    assert {*signatures} == {"serving_default", "text", "from_ids"}
    from bert_tf.endpoints.classification import Classifier
    expected = Classifier.load(source)(PAIR["text"], PAIR["second_text"])
    actual = signatures["serving_default"](**{name: tf.constant(texts) for name, texts in PAIR.items()})
    np.testing.assert_allclose(actual["probabilities"], expected["probabilities"], atol=0.03)
    assert np.abs(actual["probabilities"] - expected["probabilities"]).max() > 0  # computed differently indeed
    assert "computed in bfloat16" in (output / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("other", ["hub", "tflite"])
def test_the_script_divides_saved_models_only(tmp_path, other):
    done = subprocess.run([sys.executable, str(SCRIPT), f"--model={FOLDER / 'BertModel'}", f"--output={tmp_path / 'a'}",
                           f"--format={other}", "--tensor_parallel=2"], capture_output=True, text=True)
    assert done.returncode != 0 and "Expected --tensor_parallel with" in done.stdout + done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_the_script_knows_no_pairs_in_tf_hubs_text_api(tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPT), f"--model={FOLDER / 'BertModel'}", f"--output={tmp_path / 'a'}",
                           "--format=hub", "--pairs"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "Expected --pairs with other formats. Received: --format=hub." in done.stdout + done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("model", "options", "message"), [
    ("BertForMaskedLM", {"version": 3}, "a version that does not exist yet. Received: version=3"),
    ("BertForMaskedLM", {"max_length": 25}, r"`max_length` in \[3, 24\]. Received: max_length=25"),
    ("BertForMaskedLM", {"precision": "int8"}, "`precision` to be one of float32, bfloat16. Received: precision='int8"),
    ("BertForMaskedLM", {"tensor_parallel": 0}, "`tensor_parallel` >= 1. Received: tensor_parallel=0"),
    ("BertModel", {}, "a model with a head that answers texts: BertPretrainer.*Received: model='BertEncoder'"),
    ("BertForMaskedLM", {"pairs": True}, "a classifier of texts, .* given. Received: endpoint='FillMask', pairs=True"),
    ("nowhere", {}, "a model folder"),
])
def test_bad_input_is_one_error_and_leaves_nothing(tmp_path, model, options, message):
    (tmp_path / "name/3").mkdir(parents=True)
    with pytest.raises(ValueError, match=message):
        export_saved_model(str(FOLDER / model), str(tmp_path / "name"), **options)
    assert [path.name for path in tmp_path.rglob("*")] == ["name", "3"]


@pytest.mark.parametrize("architecture", ["BertForSequenceClassification", "BertForTokenClassification"])
def test_refuses_a_model_without_labels(tmp_path, architecture):
    folder = copy_of(architecture, tmp_path)
    values = json.loads((folder / "config.json").read_text())
    count = len(values.pop("id2label"))
    values.pop("label2id")
    (folder / "config.json").write_text(json.dumps(values | {"num_labels": count}))
    with pytest.raises(ValueError, match="labels with names.*LABEL_0"):
        export_saved_model(str(folder), str(tmp_path / "name"))
    assert not (tmp_path / "name").exists()


def test_refuses_a_model_without_vocabulary_and_a_name_that_no_address_can_have(tmp_path):
    folder = copy_of("BertForMaskedLM", tmp_path)
    for name in ("vocab.txt", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ValueError, match="a model with a tokeniser"):
        export_saved_model(str(folder), str(tmp_path / "name"))
    with pytest.raises(ValueError, match="an output folder named with letters"):
        export_saved_model(str(FOLDER / "BertForMaskedLM"), str(tmp_path / "my model"))


def test_hub_refuses_a_model_without_pooler_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="a model with a pooler.*Received: model='.*BertPretrainer'"):
        export_hub(str(FOLDER / "BertForMaskedLM"), str(tmp_path / "hub"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def approximately(value):
    """`value` with its numbers as they may come out on another machine."""
    if isinstance(value, dict):
        return {key: approximately(each) for key, each in value.items()}
    if isinstance(value, list):
        return [approximately(each) for each in value]
    return pytest.approx(value, abs=1e-5) if isinstance(value, float) else value


def test_what_others_wrote_in_the_folder_stays(tmp_path):
    source, folder = str(FOLDER / "BertForSequenceClassification"), tmp_path / "saved"
    folder.mkdir()
    (folder / "README.md").write_text("# My project\n")
    with pytest.raises(ValueError, match=r"an output folder for this model alone, such as .*saved/NAME: .* README\.md"):
        export_saved_model(source, str(folder))
    assert [path.name for path in folder.iterdir()] == ["README.md"]

    (folder / "README.md").unlink()
    (folder / "batching.config").write_text("max_batch_size { value: 8 }\n")
    lines = []
    export_saved_model(source, str(folder), max_length=8, tensor_parallel=1, report=lines.append)
    assert (folder / "batching.config").read_text() == "max_batch_size { value: 8 }\n"
    assert lines[0] == f"kept       {folder}/batching.config, which differs from what would be written now"
    assert "written by bert_tf" in (folder / "README.md").read_text()
