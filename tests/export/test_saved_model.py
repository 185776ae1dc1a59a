"""Python endpoint = SavedModel in a fresh process = process without Python, for every head."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.endpoints.next_sentence import NextSentence
from bert_tf.export.saved_model import load_signatures, save_endpoint
from tests.export import c_process, texts
from tests.export.heads import HEADS, endpoint
from tests.export.operations import CORE, TEXT_KERNELS, operations_of

ROWS = texts.encoded()
ROWS_AT_A_TIME = 45
IDS = {
    "token_ids": np.array([[2, 9, 4, 30, 77, 4, 8, 3], [2, 100, 3, 50, 4, 3, 0, 0]], np.int32),
    "segment_ids": np.array([[0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0]], np.int32),
    "padding_mask": np.array([[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0]], np.int32),
}

# Knows nothing of bert_tf.
_FRESH_PROCESS = """
import json, sys
import tensorflow as tf, tensorflow_text
from tests.export import texts
assert not [name for name in sys.modules if name.startswith("bert_tf")]
ROWS, ROWS_AT_A_TIME = texts.encoded(), int(sys.argv[1])
answers = {}
for folder in sys.argv[2:]:
    answer = tf.saved_model.load(folder).signatures["serving_default"]
    batches = []
    for start in range(0, len(ROWS), ROWS_AT_A_TIME):
        request = texts.requests(answer.structured_input_signature[1], ROWS[start:start + ROWS_AT_A_TIME])
        batch = answer(**{name: tf.constant(column) for name, column in request.items()})
        batches.append({name: value.numpy().tolist() for name, value in batch.items()})
    answers[folder] = batches
print(json.dumps(answers, default=lambda text: text.decode("latin-1")))
"""


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Head -> (its endpoint, the folder of the SavedModel)."""
    folder = tmp_path_factory.mktemp("exports")
    made = {}
    for head in HEADS:
        made[head] = endpoint(head), folder / head
        save_endpoint(*made[head])
    return made


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return c_process.build(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def fresh_answers(exports):
    folders = [str(folder) for _, folder in exports.values()]
    done = subprocess.run([sys.executable, "-c", _FRESH_PROCESS, str(ROWS_AT_A_TIME), *folders], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_a_fresh_process_answers_as_the_endpoint(exports, fresh_answers, head):
    _, folder = exports[head]
    for expected, actual in zip(expected_answers(exports[head][0]), fresh_answers[str(folder)], strict=True):
        decoded = {name: decoded_as(value, expected[name]) for name, value in actual.items()}
        check_same(decoded, expected)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_a_process_without_python_answers_as_the_endpoint(exports, program, head):
    made, folder = exports[head]
    expected = expected_answers(made)
    names = c_process.signature_of(folder).inputs
    batches = [texts.requests(names, ROWS[start:start + ROWS_AT_A_TIME])
               for start in range(0, len(ROWS), ROWS_AT_A_TIME)]
    for answers, actual in zip(expected, c_process.answer(program, folder, batches), strict=True):
        check_same(actual, answers)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["classification", "tagging"])
def test_a_process_without_python_answers_with_constants_for_weights(exports, program, head, tmp_path):
    save_endpoint(exports[head][0], tmp_path / "frozen", freeze=True)
    request = texts.requests(c_process.signature_of(tmp_path / "frozen").inputs, ROWS[:ROWS_AT_A_TIME])
    (actual,) = c_process.answer(program, tmp_path / "frozen", [request])
    check_same(actual, expected_answers(exports[head][0])[0])


@pytest.mark.slow
@pytest.mark.parametrize(("head", "signature"), [("classification", "pair"), ("several_labels", "pair"),
                                                 ("pretraining", "next_sentence")])
def test_a_process_without_python_answers_pairs_as_the_endpoint(exports, program, head, signature):
    made, folder = exports[head]
    pairs = NextSentence(made.model, made.tokenizer, max_length=made.max_length) if head == "pretraining" else made
    request = texts.requests(c_process.signature_of(folder, signature).inputs, ROWS)

    (actual,) = c_process.answer(program, folder, [request], signature)

    check_same(actual, run(pairs.answer if head == "pretraining" else pairs.answer_pair, request))
    assert np.ptp(actual["probabilities"], axis=0).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_packed_ids_give_what_the_model_gives(exports, program, head):
    made, folder = exports[head]
    model = made.model
    ids = dict(IDS)
    if head == "multiple_choice":
        ids = {name: np.stack([value, value[::-1]], axis=1) for name, value in ids.items()}
    inputs = ids | {"masked_positions": np.array([[2, 5], [4, 0]], np.int32)}  # where [MASK] is, then filled up

    expected = {name: np.asarray(value) for name, value in model(inputs).items()}

    (actual,) = c_process.answer(program, folder, [ids], "from_ids")
    check_same(actual, expected)
    assert any(np.ptp(value) > 0.01 for value in actual.values())


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_uses_only_what_servers_have(exports, head):
    operations = operations_of(exports[head][1])
    assert operations >= TEXT_KERNELS
    assert operations - TEXT_KERNELS <= CORE


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_rows_do_not_depend_on_their_neighbours_and_batches_may_be_empty(exports, head):
    answer = load_signatures(exports[head][1])["serving_default"]
    rows = [ROWS[index] for index in (0, 3, 11, 60, 99, 140, 171, 200)]
    columns = texts.requests(answer.structured_input_signature[1], rows)

    together = run(answer, columns)
    nothing = run(answer, {name: column[:0] for name, column in columns.items()})

    assert {len(value) for value in nothing.values()} == {0}
    for row in range(len(rows)):
        alone = run(answer, {name: column[row:row + 1] for name, column in columns.items()})
        check_row(together, row, alone)


@pytest.mark.slow
@pytest.mark.parametrize(("head", "count"), [("embedding", 10_000), ("fill_mask", 1_000), ("tagging", 1_000),
                                             ("question_answering", 1_000)])
def test_random_bytes_harm_nobody(exports, head, count):
    answer = load_signatures(exports[head][1])["serving_default"]
    names = answer.structured_input_signature[1]
    random = np.random.default_rng(0)
    lengths = random.integers(0, 60, count)
    # Half of them bytes of any kind, half bytes of which most make up characters.
    rows = [random.integers(0, 256 if number % 2 else 128, length, np.uint8).tobytes()
            for number, length in enumerate(lengths)]
    neighbour = {name: np.array([b"the [MASK] in Berlin"], object) for name in names}
    expected = run(answer, neighbour)

    for start in range(0, count, 500):
        columns = texts.requests(names, rows[start:start + 500])
        both = {name: np.concatenate([columns[name][:250], neighbour[name], columns[name][250:]]) for name in names}
        check_row(run(answer, both), 250, expected)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["embedding", "fill_mask", "classification", "tagging", "question_answering"])
def test_strings_of_a_megabyte_harm_nobody(exports, head):
    answer = load_signatures(exports[head][1])["serving_default"]
    names = answer.structured_input_signature[1]
    long = [b"a" * 2**20, b"\0" * 2**20, b"\xff" * 2**20, b"", "长".encode() * 2**16]
    neighbour = {name: np.array([b"the [MASK] in Berlin"], object) for name in names}

    answers = run(answer, {name: np.array([*long, neighbour[name][0]], object) for name in names})

    check_row(answers, len(long), run(answer, neighbour))


def expected_answers(made):
    names = {spec.name for spec in made.answer.input_signature}
    return [run(made.answer, texts.requests(names, ROWS[start:start + ROWS_AT_A_TIME]))
            for start in range(0, len(ROWS), ROWS_AT_A_TIME)]


def run(function, columns):
    answers = function(**{name: tf.constant(column, tf.string) for name, column in columns.items()})
    return {name: value.numpy() for name, value in answers.items()}


def check_row(answers, row, expected):
    """Row `row` of `answers` is `expected`, a batch of one, apart from empty places at the end of its axes."""
    for name, value in expected.items():
        same_row = answers[name][row:row + 1].copy()
        place = tuple(slice(size) for size in value.shape)
        check_same({name: same_row[place]}, {name: value})
        same_row[place] = b"" if same_row.dtype == object else 0
        assert not same_row.astype(bool).any(), name


def decoded_as(value, like):
    """A list that came through JSON as an array like `like`."""
    if like.dtype != object:
        return np.array(value, like.dtype).reshape(like.shape)
    return np.array([text.encode("latin-1") for text in np.array(value, object).ravel()], object).reshape(like.shape)


def check_same(actual, expected):
    """Floats within 1e-4, all else equal."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert np.shape(actual[name]) == np.shape(value), name
        if np.issubdtype(np.asarray(value).dtype, np.floating):
            np.testing.assert_allclose(actual[name], value, atol=1e-4, err_msg=name)
        else:
            np.testing.assert_array_equal(actual[name], value, err_msg=name)
