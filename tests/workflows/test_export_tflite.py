import json
import subprocess
import sys
import zipfile
from pathlib import Path

import flatbuffers.table
import numpy as np
import pytest

from bert_tf.endpoints.classification import Classifier
from bert_tf.export.phone_answers import endpoint_answer
from bert_tf.export.phone_model import PhoneModel
from bert_tf.export.tflite_file import opened
from bert_tf.workflows import export_tflite as workflow
from bert_tf.workflows.export_tflite import export_tflite
from tests.weights.hugging_face_models import FOLDER, copy_of

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "export.py"
MODEL = FOLDER / "BertForSequenceClassification"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The script's file: int8, calibrated, two lengths."""
    folder = tmp_path_factory.mktemp("phone")
    texts = folder / "texts.txt"
    texts.write_text("the cat sat on that mat\nred fish, blue fish\nthe mat\n")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), f"--model={MODEL}", f"--output={folder}/cat.tflite", "--format=tflite",
         "--quantize=int8", f"--calibration={texts}", f"--check_texts={texts}", "--lengths=8,16"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "signature  length_8, length_16: text -> label_id, probabilities" in done.stdout
    assert "signature  num_tokens: text -> the tokens of the text; call the first length that holds" in done.stdout
    return folder / "cat.tflite"


@pytest.mark.slow
def test_the_script_writes_a_file_and_its_check(written):
    assert sorted(path.name for path in written.parent.iterdir()) == ["cat.check.json", "cat.tflite", "texts.txt"]
    check = json.loads(written.with_suffix(".check.json").read_text())
    assert (check["bytes"], check["quantization"]) == (written.stat().st_size, "int8")
    assert check["limits"] == {"largest_difference": 0.25, "agreement": 0.7}
    assert [each["signature"] for each in check["signatures"]] == ["length_8", "length_16"]
    for each in check["signatures"]:
        assert each["num_texts"] == 3 and 0 < each["milliseconds"] < 10_000
        assert 0 <= each["largest_difference"] < 0.25 and each["agreement"] >= 0.7


@pytest.mark.slow
def test_an_app_needs_nothing_but_the_file(written):
    with zipfile.ZipFile(written) as archive:
        about = json.loads(archive.read("model.json"))
        labels = archive.read("labels.txt").decode().splitlines()
        about["vocabulary"] = archive.read("vocab.txt").decode().split("\n")[:-1]
    endpoint = Classifier.load(MODEL, max_length=16)
    assert labels == about["labels"] == list(endpoint.labels)
    assert tuple(about["vocabulary"]) == endpoint.tokenizer.vocabulary.pieces
    assert about["tokenizer"]["lowercase"] is True and about["tokenizer"]["unicode_version"] == "14.0.0"
    assert about["signatures"]["length_8"] == {
        "max_length": 8, "inputs": {"text": {"type": "string", "shape": [1]}}}

    texts = {"text": np.array([b"the cat sat"], object)}
    answer = endpoint_answer(PhoneModel(written)("length_16", texts), texts, about)
    expected = endpoint(["the cat sat"])
    np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], atol=0.25)
    assert answer["label"].dtype == object


@pytest.mark.slow
def test_metadata_has_the_public_form(written):
    model, _ = opened(written.read_bytes())
    assert b"BERT for LiteRT by bert_tf; takes strings" in model.description
    (entry,) = [each for each in model.metadata if each.name == b"TFLITE_METADATA"]
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    root = flatbuffers.table.Table(bytearray(data), int.from_bytes(data[:4], "little"))

    def text(table, slot):
        return table.String(table.Offset(4 + 2 * slot) + table.Pos).decode()

    def tables(table, slot):
        start, length = table.Vector(table.Offset(4 + 2 * slot)), table.VectorLen(table.Offset(4 + 2 * slot))
        return [flatbuffers.table.Table(table.Bytes, table.Indirect(start + 4 * index)) for index in range(length)]

    assert text(root, 0) == "Classifier"
    assert [text(file, 0) for file in tables(root, 6)] == ["model.json", "vocab.txt", "labels.txt"]
    (graph,) = tables(root, 3)
    assert [text(tensor, 0) for tensor in tables(graph, 2)] == ["text"]
    outputs = {text(tensor, 0): tensor for tensor in tables(graph, 3)}
    assert set(outputs) == {"label_id", "probabilities"}
    assert text(tables(outputs["probabilities"], 6)[0], 0) == "labels.txt"


@pytest.mark.slow
def test_weights_lie_where_processors_like_them(written):
    from ai_edge_litert import schema_py_generated as schema

    content = written.read_bytes()
    model = schema.Model.GetRootAs(content, 0)
    places = [model.Buffers(index)._tab.Vector(model.Buffers(index)._tab.Offset(4))
              for index in range(model.BuffersLength()) if model.Buffers(index).DataLength()]
    assert len(places) > 10
    assert {place % 16 for place in places} == {0}


@pytest.mark.slow
def test_a_file_that_answers_otherwise_is_not_left(tmp_path, monkeypatch):
    monkeypatch.setitem(workflow.LIMITS, "dynamic", (0.0, 1.0))
    with pytest.raises(ValueError, match=r"the answers of the file to be those of the model: numbers within 0.*"
                                         r"largest_difference=0\.0"):
        export_tflite(str(MODEL), str(tmp_path / "new" / "a.tflite"), takes_text=False, quantize="dynamic",
                      max_length=8)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("options", "message"), [
    ({"quantize": "int8"}, "a file of texts to calibrate int8 with: --calibration"),
    ({"max_length": 10_000}, r"`max_length` in \[3, \d+\]. Received: max_length=10000"),
    ({"lengths": [8, 10_000]}, r"`max_length` in \[3, \d+\]. Received: max_length=10000"),
    ({"lengths": [8], "max_length": 8}, "either `max_length` or `lengths`"),
    ({"pairs": True, "check_texts": "one.txt"}, "text, second_text, separated by tabs, in .*one.txt, line 1"),
    ({"check_texts": "empty.txt"}, "texts in .*empty.txt, one request a line"),
    ({"max_windows": 2}, "for tagging or questions, .*given. Received: endpoint='Classifier', max_windows=2"),
])
def test_refuses_what_makes_no_sense(tmp_path, options, message):
    (tmp_path / "one.txt").write_text("only one text\n")
    (tmp_path / "empty.txt").write_text("")
    if "check_texts" in options:
        options = options | {"check_texts": str(tmp_path / options["check_texts"])}
    with pytest.raises(ValueError, match=message):
        export_tflite(str(MODEL), str(tmp_path / "a.tflite"), **options)
    assert not (tmp_path / "a.tflite").exists()


def test_refuses_a_file_that_exists(tmp_path):
    (tmp_path / "model.tflite").write_text("mine")
    with pytest.raises(ValueError, match="a file that does not exist yet.*model.tflite"):
        export_tflite(str(MODEL), str(tmp_path))
    assert (tmp_path / "model.tflite").read_text() == "mine"
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"a folder, or a file called ....tflite, to write to.*notes\.txt"):
        export_tflite(str(MODEL), str(tmp_path / "notes.txt"))


def test_refuses_a_model_without_head_without_labels_or_with_words_that_litert_cannot_split(tmp_path):
    with pytest.raises(ValueError, match="a model with a head that answers texts.*BertEncoder"):
        export_tflite(str(FOLDER / "BertModel"), str(tmp_path / "a.tflite"))
    folder = copy_of("BertForSequenceClassification", tmp_path)
    values = json.loads((folder / "config.json").read_text())
    count = len(values.pop("id2label"))
    values.pop("label2id")
    (folder / "config.json").write_text(json.dumps(values | {"num_labels": count}))
    with pytest.raises(ValueError, match="labels with names"):
        export_tflite(str(folder), str(tmp_path / "a.tflite"))
    (folder / "config.json").write_text((MODEL / "config.json").read_text())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"tokenize_chinese_chars": False}))
    with pytest.raises(ValueError, match="tokenize_chinese_chars"):
        export_tflite(str(folder), str(tmp_path / "a.tflite"))
    assert not (tmp_path / "a.tflite").exists()
