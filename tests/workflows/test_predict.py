import gzip
import io
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import bert_tf
from bert_tf.reports.predictions import highlighted, show
from bert_tf.workflows import prediction_input
from bert_tf.workflows.predict import TASKS
from bert_tf.workflows.prediction_input import Row, read_rows
from tests.endpoints.tiny import CONFIG, randomised

SCRIPT = pathlib.Path(__file__).parent.parent.parent / "scripts" / "predict.py"
MODELS = {
    "classify": lambda: bert_tf.BertClassifier(CONFIG, ["no", "yes"]),
    "tag": lambda: bert_tf.BertTokenClassifier(CONFIG, ["O", "B-per", "I-per"]),
    "answer": lambda: bert_tf.BertSpanPredictor(CONFIG),
    "choose": lambda: bert_tf.BertMultipleChoice(CONFIG),
    "embed": lambda: bert_tf.BertSentenceEmbedder(CONFIG),
    "fill_mask": lambda: bert_tf.BertPretrainer(CONFIG),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, build in MODELS.items():
        bert_tf.save_model(randomised(build()), folder / name)
    return {name: str(folder / name) for name in MODELS} | {
        "similar": str(folder / "embed"), "features": str(folder / "fill_mask")}


def rows(*texts):
    return [Row(f"file:{number}", text) for number, text in enumerate(texts, start=1)]


def records(folders, task, *texts, **options):
    found = list(TASKS[task](folders[task], rows(*texts), **options))
    json.dumps(found)  # plain Python
    return found


def test_classifies_texts_and_pairs(folders, capsys):
    single, = records(folders, "classify", "a cat")
    assert single["text"] == "a cat" and single["label"] in single["probabilities"] and "second_text" not in single
    by_tab, = records(folders, "classify", "a cat\tin Paris")
    by_flag, = records(folders, "classify", "a cat", second="in Paris")
    assert by_tab == by_flag and by_tab["second_text"] == "in Paris"
    show("classify", [by_tab])
    out = capsys.readouterr().out
    assert "in Paris" in out and by_tab["label"] in out and "%" in out


def test_tags(folders, capsys):
    found = records(folders, "tag", "lee in [/b]", "")
    assert [one["text"] for one in found] == ["lee in [/b]", ""] and found[1]["entities"] == []
    show("tag", found)
    assert "lee in [/b]" in capsys.readouterr().out


def test_highlights_entities():
    text = highlighted("Ann in Rome", [{"start": 0, "end": 3, "type": "a"}, {"start": 7, "end": 11, "type": "b"}],
                       {"a": "red", "b": "blue"})
    assert [(span.start, span.end, str(span.style)) for span in text.spans] == [
        (0, 3, "bold reverse red"), (7, 11, "bold reverse blue")]


def test_answers(folders, capsys):
    by_tab, = records(folders, "answer", "cat?\ta cat in Paris", top_k=2)
    by_flag, = records(folders, "answer", "cat?", context="a cat in Paris", top_k=2)
    assert by_tab == by_flag and len(by_tab["alternatives"]) == 1
    assert by_tab["context"][by_tab["start"]:by_tab["end"]] == by_tab["answer"] != ""
    show("answer", [by_tab])
    assert by_tab["answer"] in capsys.readouterr().out


def test_chooses(folders, capsys):
    by_tab, = records(folders, "choose", "a cat\tin\tlee")
    by_flag, = records(folders, "choose", "in", "lee", context="a cat")
    assert by_tab == by_flag and by_tab["choices"] == ["in", "lee"] and len(by_tab["probabilities"]) == 2
    with_tab, = records(folders, "choose", "in\there", "lee", context="a\tcat")
    assert (with_tab["context"], with_tab["choices"]) == ("a\tcat", ["in\there", "lee"])
    show("choose", [by_tab])
    assert "lee" in capsys.readouterr().out


def test_embeds_and_ranks(folders, capsys, monkeypatch):
    texts = ["a cat", "in Paris", "", "cats", "猫国"]
    embedded = records(folders, "embed", *texts)
    vectors = np.array([one["embedding"] for one in embedded])
    show("embed", embedded)
    assert "vector (8)" in capsys.readouterr().out
    monkeypatch.setattr(prediction_input, "AT_ONCE", 2)
    ranked, other = records(folders, "similar", *texts, queries=["cats", "in Paris"], top_k=3)
    assert ranked["query"] == "cats" and other["results"][0]["text"] == "in Paris" and len(other["results"]) == 3
    cosines = vectors @ vectors[3] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[3])
    order = np.argsort(-cosines)[:3]
    assert [one["place"] for one in ranked["results"]] == [f"file:{index + 1}" for index in order]
    np.testing.assert_allclose([one["score"] for one in ranked["results"]], cosines[order], atol=1e-5)
    show("similar", [ranked])
    assert "file:4" in capsys.readouterr().out


def test_extracts_features(folders, capsys):
    per_token, = records(folders, "features", "a cat", layers=[0, 1], combination="sum")
    assert [token["token"] for token in per_token["tokens"]] == ["[CLS]", "a", "cat", "[SEP]"]
    pooled, = records(folders, "features", "a cat", layers=[0, 1], pooling="cls")
    assert len(pooled["features"]) == 16 and len(per_token["tokens"][0]["features"]) == 8
    show("features", [per_token])
    show("features", [pooled])
    out = capsys.readouterr().out
    assert "features (8)" in out and "vector (16)" in out


def test_fills_blanks(folders, capsys):
    found = records(folders, "fill_mask", "a [MASK] in [MASK]", "none", top_k=2)
    assert [len(one["blanks"]) for one in found] == [2, 0]
    show("fill_mask", found)
    assert "blank 2" in capsys.readouterr().out


def test_reads_a_file_and_standard_input(tmp_path, monkeypatch):
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffné\r\n\n".encode() + b"\xff\tb")
    expected = ["né", "", "\ufffd\tb"]
    assert list(read_rows([], str(path))) == [Row(f"{path}:{number}", text)
                                              for number, text in enumerate(expected, start=1)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert [row.text for row in read_rows([], None)] == expected
    assert list(read_rows(["a", "b"], None)) == [Row("argument 1", "a"), Row("argument 2", "b")]


def test_a_file_may_be_gzip_data_and_not_utf_16(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("one\nzwei é\n".encode()))
    assert [row.text for row in read_rows([], str(path))] == ["one", "zwei é"]
    path = tmp_path / "b.txt"
    path.write_bytes("one\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"UTF-8 in .*b\.txt\. Received: encoding='UTF-16"):
        list(read_rows([], str(path)))
    read, write = os.pipe()
    os.write(write, b"from a pipe\n")
    os.close(write)
    assert [row.text for row in read_rows([], f"/dev/fd/{read}")] == ["from a pipe"]
    os.close(read)


@pytest.mark.parametrize(("task", "texts", "options", "message"), [
    ("answer", ["Who?"], {}, "question and context, separated by a tab, in file:1. Received: text='Who\\?'"),
    ("answer", ["a\tb", " \tb"], {}, "a question in file:2"),
    ("classify", ["a\tb", "c"], {}, "text and second text, separated by a tab, in file:2"),
    ("classify", ["a", "b\tc"], {}, "a text without tabs in file:2"),
    ("choose", ["a"], {}, "a context and at least one choice, separated by tabs, in file:1"),
    ("choose", [], {"context": "a"}, "at least one choice beside `context`"),
    ("similar", ["a"], {"queries": []}, "a query")])
def test_says_what_is_missing(folders, task, texts, options, message):
    with pytest.raises(ValueError, match=message):
        records(folders, task, *texts, **options)


def test_the_first_row_of_all_says_whether_there_are_pairs(folders, monkeypatch):
    monkeypatch.setattr(prediction_input, "AT_ONCE", 2)
    with pytest.raises(ValueError, match="text and second text, separated by a tab, in file:3"):
        records(folders, "classify", "a\tb", "a\tb", "c")
    with pytest.raises(ValueError, match="a text without tabs in file:3"):
        records(folders, "classify", "a", "b", "c\td")


def test_refuses_other_heads_and_two_sources(folders):
    with pytest.raises(ValueError, match="a BertTokenClassifier in .*. Received: model='.*Classifier'"):
        list(TASKS["tag"](folders["classify"], rows("a")))
    with pytest.raises(ValueError, match="as arguments or in --input, not both"):
        list(read_rows(["a"], "file"))


def run_script(*arguments, **options):
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, **options)


def test_help_has_an_example_for_each_task():
    text = run_script("--help").stdout.decode()
    for task in TASKS:
        assert f"python scripts/predict.py {task} --model=" in text


@pytest.mark.parametrize(("arguments", "message"), [
    (["guess", "--model=x"], "Expected one of classify, tag, answer"), (["tag", "--model=x", "--context=a"],
                                                                       "Expected no --context with tag"),
    (["features", "--model=x", "--layers=a"], "Expected numbers in --layers")])
def test_usage_errors(arguments, message):
    done = run_script(*arguments)
    assert done.returncode == 1 and message in (done.stdout + done.stderr).decode()


def test_the_script_prints_an_object_per_line(folders):
    done = run_script("tag", f"--model={folders['tag']}", "--json", input="né lee\n\n".encode() + b"\xff\n")
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line)["text"] for line in done.stdout.decode().splitlines()] == ["né lee", "", "\ufffd"]
