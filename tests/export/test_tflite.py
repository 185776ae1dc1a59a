"""The phone's file answers as the Python endpoint does, for every head, from strings and from ids."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.export.phone_heads import phone_function
from bert_tf.export.phone_model import PhoneModel
from bert_tf.export.tflite import TEXT_KERNELS, convert
from bert_tf.export.tflite_check import compare, inputs_for
from bert_tf.export.tflite_file import custom_operations
from bert_tf.export.tflite_metadata import about
from tests.export import heads, texts

ROWS = texts.encoded()
PAIRS = "pairs"
_MADE = {}
endpoint_of = functools.cache(lambda head: heads.endpoint("classification" if head == PAIRS else head))


def converted(head, takes_text, folder):
    """A function and its file, made once."""
    if (head, takes_text) not in _MADE:
        made = endpoint_of(head)
        function = phone_function(made, takes_text=takes_text, pairs=head == PAIRS)
        path = folder / f"{head}_{takes_text}.tflite"
        path.write_bytes(convert({"serving_default": function}))
        _MADE[head, takes_text] = function, path
    return _MADE[head, takes_text]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tflite")


def requests(function):
    """A request for each of `ROWS`: with its successors where more than one text goes in."""
    width = 3 if function.text_inputs[-1] == "choices" else len(function.text_inputs)
    rows = [tuple((ROWS * 2)[number:number + width]) for number in range(len(ROWS))]
    if width == 1:  # there may be blanks to fill
        rows = [(text + b" [MASK]." * (number % 3),) for number, (text,) in enumerate(rows)]
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("takes_text", [True, False], ids=["text", "ids"])
@pytest.mark.parametrize("head", [*heads.HEADS, PAIRS])
def test_answers_as_the_endpoint(folder, head, takes_text):
    function, path = converted(head, takes_text, folder)
    assert custom_operations(path.read_bytes()) == (TEXT_KERNELS if takes_text else set())
    values = about({"serving_default": function}, quantize="none")
    values["vocabulary"] = function.endpoint.tokenizer.vocabulary.pieces
    rows = requests(function)

    found = compare(PhoneModel(path), "serving_default", function, rows, values)

    assert found.num_texts == len(rows) >= 200
    assert found.disagreements == ()
    assert found.agreement == 1
    assert found.largest_difference < 1e-4


@pytest.mark.slow
def test_answers_differ_from_text_to_text(folder):
    for head in ("classification", "embedding", "regression"):
        function, path = converted(head, True, folder)
        model = PhoneModel(path)
        answers = [model("serving_default", inputs_for(function, row)) for row in requests(function)[:20]]
        for name in answers[0]:
            if answers[0][name].dtype == np.float32:
                assert np.ptp([answer[name] for answer in answers], axis=0).max() > 0.01


@pytest.mark.slow
def test_long_texts_are_cut_and_say_so(folder):
    function, path = converted("tagging", True, folder)
    model = PhoneModel(path)
    answer = model("serving_default", inputs_for(function, [b"dog " * 1000]))
    room = function.endpoint.max_length - 2
    pieces = len(function.endpoint.tokenizer.tokenize(["dog"])[0])
    assert answer["truncated"].tolist() == [True]
    assert abs(answer["bytes_read"][0] - (room + 3 * (room // 2)) / pieces * 4) <= 4
    assert model("serving_default", inputs_for(function, ["dog"]))["truncated"].tolist() == [False]


@pytest.mark.slow
def test_several_lengths_share_the_weights(tmp_path):
    from bert_tf.endpoints.heads import endpoint_for

    model = heads.model("classification")
    functions = {f"length_{length}": phone_function(endpoint_for(model, length), takes_text=False)
                 for length in (8, 24)}
    path = tmp_path / "both.tflite"
    path.write_bytes(convert(functions))
    phone = PhoneModel(path)
    assert set(phone.signatures) == set(functions)
    for name, function in functions.items():
        values = about(functions, quantize="none")
        found = compare(phone, name, function, [("the old dog",), ("a " * 30,)], values)
        assert (found.agreement, found.largest_difference < 1e-4) == (1, True)


@pytest.mark.parametrize("head", [*heads.HEADS, PAIRS])
def test_counts_the_tokens_that_a_row_needs(head):
    made = endpoint_of(head)
    function = phone_function(made, takes_text=True, pairs=head == PAIRS)
    strings = ["the old dog", "a dog, a cat and the old café", "dog"]
    inputs = inputs_for(function, strings[:3 if head == "multiple_choice" else len(function.text_inputs)])
    first, *others = (len(row) for row in made.tokenizer.tokenize(
        np.concatenate([value.ravel() for value in inputs.values()])))
    expected = first + 2 if not others else first + 3 + max(others)
    counted = function.counting_graph()(*(tf.constant(value, tf.string) for value in inputs.values()))
    assert counted["num_tokens"].numpy().tolist() == [expected]


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["none", "dynamic"])
def test_a_file_with_several_lengths_counts_the_tokens_of_a_text(quantize, tmp_path):
    from bert_tf.endpoints.heads import endpoint_for

    model = heads.model("classification")
    functions = {f"length_{length}": phone_function(endpoint_for(model, length), takes_text=True)
                 for length in (8, 24)}
    path = tmp_path / "both.tflite"
    path.write_bytes(convert(functions, quantize=quantize))
    phone = PhoneModel(path, num_threads=2)
    assert set(phone.signatures) == {*functions, "num_tokens"}
    for text in ("", "dog", "the old dog, the café", "a " * 30):
        inputs = inputs_for(functions["length_8"], [text])
        row = model.tokenizer.tokenize([text])[0]
        assert phone("num_tokens", inputs)["num_tokens"].tolist() == [len(row) + 2]
        answer = phone("length_24", inputs)["probabilities"]
        if len(row) + 2 <= 8:
            np.testing.assert_allclose(phone("length_8", inputs)["probabilities"], answer, atol=1e-2)


def test_refuses_unknown_quantisation_and_int8_without_texts():
    function = phone_function(heads.endpoint("embedding"), takes_text=False)
    with pytest.raises(ValueError, match="`quantize` to be one of none, float16, dynamic, int8.*'int4'"):
        convert({"serving_default": function}, quantize="int4")
    with pytest.raises(ValueError, match="texts to calibrate int8 with"):
        convert({"serving_default": function}, quantize="int8")
