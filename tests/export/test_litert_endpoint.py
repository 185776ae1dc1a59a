"""A LiteRT file on a computer answers batches as the endpoint that it was made from."""

import json
import shutil
import threading
import time
import weakref
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.export.litert_endpoint import LiteRTEndpoint
from tests.export.litert_files import written

TEXTS = ["the old dog", "", "a dog, a cat and the old café " * 3, "dog", "My sister's dog"]
SIGNATURES = {"length_4": {"max_length": 4, "inputs": {"text": {"type": "string", "shape": [1]}}}}


def check_equal(actual, expected):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        value = value.numpy()
        assert actual[name].shape == value.shape, name
        assert actual[name].dtype == value.dtype, name
        if value.dtype == np.float32:
            np.testing.assert_allclose(actual[name], value, atol=1e-4, err_msg=name)
        else:
            assert actual[name].tolist() == value.tolist(), name


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file of three lengths, and the endpoint."""
    path = tmp_path_factory.mktemp("litert") / "classifier.tflite"
    return path, written("classification", path, (8, 16, 40))


@pytest.fixture(scope="module")
def classifier(file):
    """The file, opened, and the endpoint."""
    path, expected = file
    return LiteRTEndpoint(path, num_threads=2), expected


def test_a_batch_is_answered_as_by_the_endpoint(classifier):
    opened, expected = classifier
    assert opened.inputs == {"text": 1}
    assert np.ptp(expected(TEXTS)["probabilities"], axis=0).max() > 0.01
    check_equal(opened.answer({"text": TEXTS}), expected(TEXTS))
    check_equal(opened.answer({"text": np.array([b"dog", b"\xff dog"], object)}), expected([b"dog", b"\xff dog"]))
    check_equal(opened.answer({"text": tf.constant(TEXTS)}), expected(TEXTS))


def test_many_threads_get_the_answers_to_their_own_texts(classifier):
    opened, expected = classifier
    texts = [f"{text} {'dog ' * number}" for number, text in enumerate(TEXTS * 4)]
    answers = {}

    def ask(number):
        answers[number] = opened.answer({"text": texts[number:number + 1]})["probabilities"][0]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose([answers[number] for number in range(len(texts))], expected(texts)["probabilities"],
                               atol=1e-4)


def test_each_text_has_the_first_length_that_holds_it_and_all_cores_if_it_is_alone(classifier, monkeypatch):
    opened, _ = classifier
    with_all_cores, called = opened._with_all_cores, []

    def recording(signature, inputs):
        called.append(signature)
        return with_all_cores(signature, inputs)

    monkeypatch.setattr(opened, "_with_all_cores", recording)
    for pieces in (0, 6, 7, 14, 15, 300):
        opened.answer({"text": ["a " * pieces]})
    assert called[::2] == ["num_tokens"] * 6
    assert called[1::2] == ["length_8", "length_8", "length_16", "length_16", "length_40", "length_40"]
    called.clear()
    # At least the first ones of several are not alone; that the last one is, may be.
    opened.answer({"text": ["dog"] * 10})
    assert len(called) in (0, 2)


def test_a_failure_reaches_the_caller_and_leaves_nothing_behind(classifier, monkeypatch):
    opened, expected = classifier

    def fail(signature, inputs):
        raise RuntimeError("out of order")

    with monkeypatch.context() as patched:
        patched.setattr(opened, "_with_all_cores", fail)
        with pytest.raises(RuntimeError, match="out of order"):
            opened.answer({"text": ["dog"]})
    assert opened._unanswered == 0
    check_equal(opened.answer({"text": ["dog"]}), expected(["dog"]))


def test_a_failing_text_of_a_batch_leaves_nothing_behind_either(classifier, monkeypatch):
    opened, expected = classifier
    signature = opened._signature

    def fail(model, row):
        if row["text"][0] == b"bad":
            raise RuntimeError("out of order")
        return signature(model, row)

    with monkeypatch.context() as patched:
        patched.setattr(opened, "_signature", fail)
        with pytest.raises(RuntimeError, match="out of order"):
            opened.answer({"text": ["dog", "bad", *["dog"] * 50]})
    assert opened._unanswered == 0
    check_equal(opened.answer({"text": TEXTS}), expected(TEXTS))


def test_a_text_does_not_wait_for_the_whole_of_a_large_batch(classifier, monkeypatch):
    opened, _ = classifier
    answer_row, answered, begun = opened._answer_row, [], threading.Event()

    def slow(row, model):
        time.sleep(0.002)
        answered.append(row["text"][0])
        begun.set()
        return answer_row(row, model)

    monkeypatch.setattr(opened, "_answer_row", slow)
    batch = threading.Thread(target=opened.answer, args=({"text": ["dog"] * 300},))
    batch.start()
    begun.wait()
    opened.answer({"text": ["cat"]})
    batch.join()
    assert len(answered) == 301 and answered.index(b"cat") < 100


def test_works_without_the_file_and_goes_with_its_threads(file, tmp_path):
    path, expected = file
    moved = shutil.copy(path, tmp_path / "moved.tflite")
    opened = LiteRTEndpoint(moved, num_threads=2)
    moved.unlink()
    check_equal(opened.answer({"text": TEXTS}), expected(TEXTS))
    threads, opened = list(opened._threads._threads), weakref.ref(opened)
    assert opened() is None
    for thread in threads:
        thread.join(10)
    assert threads and not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("inputs, message", [
    ({"text": np.array("dog")}, "`text` to be a list of strings. Received: text='dog'"),
    ({"text": "dog"}, "`text` to be a list of strings. Received: text='dog'"),
    ({"text": []}, r"`text` to be a list of strings. Received: text=\[\]"),
    ({"text": [["dog"]]}, "`text` to be a list of strings"),
    ({"text": ["dog", 3]}, "`text` to hold strings. Received: text=3"),
    ({"context": ["dog"]}, r"the inputs text. Received: inputs=\['context'\]")])
def test_refuses_other_inputs(classifier, inputs, message):
    with pytest.raises(ValueError, match=message):
        classifier[0].answer(inputs)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["several_labels", "regression", "embedding", "fill_mask", "tagging"])
def test_heads_of_one_text(head, tmp_path):
    expected = written(head, tmp_path / "model.tflite")
    texts = [f"{text} [MASK] dog [MASK]" if number == 2 else text for number, text in enumerate(TEXTS)]
    check_equal(LiteRTEndpoint(tmp_path / "model.tflite").answer({"text": texts}), expected.answer(tf.constant(texts)))


@pytest.mark.slow
def test_heads_of_several_texts(tmp_path):
    expected = written("question_answering", tmp_path / "questions.tflite")
    opened = LiteRTEndpoint(tmp_path / "questions.tflite")
    assert opened.inputs == {"question": 1, "context": 1}
    questions, contexts = ["dog", "the cat", "old"], ["the old dog", "My sister's dog and a cat", "café"]
    check_equal(opened.answer({"question": questions, "context": contexts}), expected(questions, contexts))
    with pytest.raises(ValueError, match="as many texts of every input. Received: question=1, context=3"):
        opened.answer({"question": questions[:1], "context": contexts})

    expected = written("multiple_choice", tmp_path / "choices.tflite")
    opened = LiteRTEndpoint(tmp_path / "choices.tflite")
    assert opened.inputs == {"context": 1, "choices": 2}
    choices = [["dog", "cat", "old"], ["café", "dog", ""]]
    check_equal(opened.answer({"context": contexts[:2], "choices": choices}),
                expected.answer(tf.constant(contexts[:2]), tf.constant(choices)))
    with pytest.raises(ValueError, match="`choices` to be a list of lists of as many strings"):
        opened.answer({"context": contexts[:2], "choices": [["dog"], ["cat", "old"]]})


def test_refuses_what_is_no_such_file(classifier, tmp_path):
    for name, content in {"missing": None, "text": b"not a model"}.items():
        path = tmp_path / f"{name}.tflite"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"LiteRT file as scripts/export\.py .*writes it.*{name}\.tflite"):
            LiteRTEndpoint(path)
    with zipfile.ZipFile(tmp_path / "foreign.tflite", "w") as archive:
        archive.writestr("labels.txt", "a")
    with pytest.raises(ValueError, match=r"foreign\.tflite \(.*model\.json"):
        LiteRTEndpoint(tmp_path / "foreign.tflite")
    for name, about, message in (
            ("list", [], "list indices"), ("other", {}, "'endpoint'"),
            ("zip", {"endpoint": "Classifier", "input": "text", "signatures": SIGNATURES}, "Flatbuffer")):
        with zipfile.ZipFile(tmp_path / f"{name}.tflite", "w") as archive:
            archive.writestr("model.json", json.dumps(about))
            archive.writestr("vocab.txt", "a\n")
        with pytest.raises(ValueError, match=rf"LiteRT file as scripts/export\.py .*{name}\.tflite \(.*{message}"):
            LiteRTEndpoint(tmp_path / f"{name}.tflite")
    written("embedding", tmp_path / "ids.tflite", takes_text=False)
    with pytest.raises(ValueError, match=r"a file that strings go into, .*ids\.tflite.*input='ids'"):
        LiteRTEndpoint(tmp_path / "ids.tflite")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_a_file_without_the_signatures_that_it_names(file, tmp_path):
    path = shutil.copy(file[0], tmp_path / "part.tflite")
    with zipfile.ZipFile(path, "a") as archive:
        about = json.loads(archive.read("model.json"))
        archive.writestr("model.json", json.dumps(about | {"signatures": SIGNATURES}))
    with pytest.raises(ValueError, match=r"the signatures length_4 in .*part\.tflite.*'length_16'"):
        LiteRTEndpoint(path)


@pytest.mark.slow
def test_questions_are_not_cut_more_than_in_the_longest_row(tmp_path):
    expected = written("question_answering", tmp_path / "questions.tflite", (16, 40))
    opened = LiteRTEndpoint(tmp_path / "questions.tflite", num_threads=1)
    questions, contexts = ["a , a , a , a .", "dog"], ["a . a", "the old dog"]
    check_equal(opened.answer({"question": questions, "context": contexts}), expected(questions, contexts))
