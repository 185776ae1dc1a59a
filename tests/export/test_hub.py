"""TF Hub's text API, https://www.tensorflow.org/hub/common_saved_model_apis/text, as a user of `hub.load` sees it."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.model_directory import load_model
from bert_tf.models.encoder import BertEncoder
from bert_tf.workflows.export import export_hub
from tests.export import c_process
from tests.export.operations import CORE, TEXT_KERNELS, TRAINING, operations_of
from tests.weights.hugging_face_models import FOLDER

SOURCE = FOLDER / "BertForPreTraining"
TEXTS = ["the cat sat on that mat", "red fishs", ""]

# Without bert_tf, in the words of the API's documentation.
_FRESH_PROCESS = """
import sys
import numpy as np
import tensorflow as tf, tensorflow_text
preprocessor, encoder = (tf.saved_model.load(folder) for folder in sys.argv[1:3])
texts = tf.constant(["the cat sat on that mat", "red fishs", ""])
segments = [preprocessor.tokenize(texts), preprocessor.tokenize(texts[::-1])]
inputs = preprocessor.bert_pack_inputs(segments, seq_length=12)
outputs = encoder(inputs)
masked = encoder.mlm({**inputs, "masked_lm_positions": tf.constant([[1, 2], [1, 0], [0, 0]])})
assert "bert_tf" not in sys.modules
np.savez(sys.argv[3], **inputs, pooled_output=outputs["pooled_output"], default=outputs["default"],
         sequence_output=outputs["sequence_output"], mlm_logits=masked["mlm_logits"],
         **{f"layer_{index}": layer for index, layer in enumerate(outputs["encoder_outputs"])})
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The preprocessor's and the encoder's."""
    output = tmp_path_factory.mktemp("hub")
    lines = []
    export_hub(str(SOURCE), str(output), version=3, report=lines.append)
    folders = output / "preprocessor/3", output / "encoder/3"
    assert lines == [f"written    {folder}" for folder in folders]
    return folders


@pytest.fixture(scope="module")
def preprocessor(folders):
    return tf.saved_model.load(folders[0])


@pytest.fixture(scope="module")
def encoder(folders):
    return tf.saved_model.load(folders[1])


@pytest.mark.slow
def test_a_fresh_process_gets_what_the_model_gives(folders, tmp_path):
    arguments = [*map(str, folders), str(tmp_path / "answers.npz")]
    done = subprocess.run([sys.executable, "-c", _FRESH_PROCESS, *arguments], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    answers = dict(np.load(tmp_path / "answers.npz"))

    assert answers["input_word_ids"].tolist() == [
        [2, 5, 6, 7, 8, 9, 10, 3, 3, 0, 0, 0], [2, 13, 14, 51, 3, 13, 14, 51, 3, 0, 0, 0],
        [2, 3, 5, 6, 7, 8, 9, 10, 3, 0, 0, 0]]
    ours = {"token_ids": answers["input_word_ids"], "segment_ids": answers["input_type_ids"],
            "padding_mask": answers["input_mask"]}
    expected = load_model(SOURCE, BertEncoder, return_hidden_states=True)(ours)
    close(answers["sequence_output"], expected["sequence_output"])
    close(answers["pooled_output"], expected["pooled_output"])
    close(answers["default"], expected["pooled_output"])
    for index, hidden in enumerate(expected["hidden_states"][1:]):
        close(answers[f"layer_{index}"], hidden)
    positions = {"masked_positions": np.array([[1, 2], [1, 0], [0, 0]])}
    close(answers["mlm_logits"], load_model(SOURCE)(ours | positions)["masked_lm"])


def test_preprocesses_in_one_step(preprocessor):
    tokenizer = load_model(SOURCE).tokenizer
    packed = preprocessor(tf.constant(TEXTS))
    assert packed["input_word_ids"].shape == (3, 24)  # what the model can take, as it is less than 128
    assert {value.dtype for value in packed.values()} == {tf.int32}
    for row, pieces in enumerate(tokenizer.tokenize(TEXTS).to_list()):
        ids = [2, *pieces, 3]
        assert packed["input_word_ids"][row].numpy().tolist() == ids + [0] * (24 - len(ids))
        assert packed["input_mask"][row].numpy().tolist() == [1] * len(ids) + [0] * (24 - len(ids))
    assert not packed["input_type_ids"].numpy().any()


def test_tokens_are_grouped_by_words(preprocessor):
    tokenizer = load_model(SOURCE).tokenizer
    words = preprocessor.tokenize(tf.constant(TEXTS))
    ids, starts, limits = preprocessor.tokenize.tokenize_with_offsets(tf.constant(TEXTS))
    expected = tokenizer.tokenize_with_offsets(TEXTS)
    assert words.dtype == tf.int32 and words.to_list() == ids.to_list()
    for actual, flat in zip((ids, starts, limits), expected, strict=True):
        assert actual.merge_dims(1, 2).to_list() == flat.to_list()
    pieces = tokenizer.vocabulary.pieces
    for row in words.to_list():
        for word in row:
            assert not pieces[word[0]].startswith("##")
            assert all(pieces[piece].startswith("##") for piece in word[1:])
    assert max(len(word) for row in words.to_list() for word in row) > 1


def test_special_tokens(preprocessor):
    special = {name: int(value) for name, value in preprocessor.tokenize.get_special_tokens_dict().items()}
    assert special == {"start_of_sequence_id": 2, "end_of_segment_id": 3, "padding_id": 0, "mask_id": 4,
                       "vocab_size": 52}


def test_packs_one_or_two_segments_with_or_without_words(preprocessor):
    first = tf.ragged.constant([[[5, 6], [7]], [[8]]], dtype=tf.int32)
    second = tf.ragged.constant([[9, 10, 11], []], dtype=tf.int32)
    expected = {"input_word_ids": [[2, 5, 6, 3, 9, 10, 3], [2, 8, 3, 3, 0, 0, 0]],
                "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]],
                "input_type_ids": [[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0]]}
    for one in (first, first.merge_dims(1, 2)):
        for length in (7, tf.constant(7)):
            packed = preprocessor.bert_pack_inputs([one, second], seq_length=length)
            assert {name: value.numpy().tolist() for name, value in packed.items()} == expected
        assert preprocessor.bert_pack_inputs([one])["input_word_ids"].shape == (2, 24)
    alone = preprocessor.bert_pack_inputs([second], seq_length=4)
    assert alone["input_word_ids"].numpy().tolist() == [[2, 9, 10, 3], [2, 3, 0, 0]]


def test_the_encoder_can_be_trained_further(preprocessor, encoder):
    inputs = preprocessor(tf.constant(TEXTS))
    before = encoder(inputs)["pooled_output"]
    assert encoder(inputs, training=True)["pooled_output"].shape == before.shape
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(inputs, training=True)["pooled_output"] ** 2)
    gradients = tape.gradient(loss, encoder.trainable_variables)
    assert len(gradients) > 10 and all(gradient is not None for gradient in gradients)
    for variable, gradient in zip(encoder.trainable_variables, gradients, strict=True):
        variable.assign_sub(0.1 * tf.convert_to_tensor(gradient))
    assert np.abs(encoder(inputs)["pooled_output"] - before).max() > 1e-3


def test_describes_its_tokeniser(encoder):
    vocabulary = pathlib.Path(encoder.vocab_file.asset_path.numpy().decode())
    assert vocabulary.read_text() == (SOURCE / "vocab.txt").read_text()
    assert bool(encoder.do_lower_case)


@pytest.mark.slow
def test_processes_without_python_get_the_same(folders, preprocessor, encoder, tmp_path):
    program = c_process.build(tmp_path)
    texts = np.array([text.encode() for text in TEXTS], dtype=object)
    expected = preprocessor(tf.constant(TEXTS))
    fresh = tf.saved_model.load(folders[1])

    (packed,) = c_process.answer(program, folders[0], [{"text": texts}])
    (encoded,) = c_process.answer(program, folders[1], [packed])

    for name, value in expected.items():
        np.testing.assert_array_equal(packed[name], value)
    for name in ("pooled_output", "default", "sequence_output"):
        close(encoded[name], fresh(expected)[name])


def test_uses_only_what_servers_have(folders):
    for folder in folders:
        assert operations_of(folder) <= CORE | TRAINING | TEXT_KERNELS


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=1e-5)
