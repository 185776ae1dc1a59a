import errno
import json
import pathlib
import stat

import huggingface_hub
import keras
import numpy as np
import pytest

import bert_tf
from bert_tf.config import EncoderConfig
from bert_tf.model_directory import load_model, local_path, save_model
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.weights import hugging_face
from tests.models.tiny import CONFIG, randomise
from tests.weights.hugging_face_models import FOLDER, copy_of

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b"]
FILES = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]


@pytest.mark.parametrize(("model_class", "arguments"), [
    (BertEncoder, {}),
    (BertPretrainer, {}),
    (BertPretrainer, {"next_sentence": False}),
    (BertPretrainer, {"masked_lm": False}),
    (BertClassifier, {"labels": ["no", "yes"], "problem_type": "multi_label", "dropout": 0.4}),
    (BertClassifier, {"labels": ["score"], "problem_type": "regression"}),
    (BertTokenClassifier, {"labels": ["O", "B-X", "I-X"]}),
    (BertSpanPredictor, {}),
    (BertMultipleChoice, {"dropout": 0.2}),
    (BertSentenceEmbedder, {"pooling": "cls", "normalize": True, "max_length": 5}),
])
def test_saved_models_come_back(model_class, arguments, tmp_path):
    model = model_class(CONFIG, **arguments)
    randomise(model)
    tokenizer = WordPieceTokenizer(PIECES, lowercase=False)

    save_model(model, tmp_path / "saved", tokenizer)
    loaded = load_model(tmp_path / "saved")

    assert isinstance(loaded, model_class)
    assert loaded.get_config() == model.get_config() | {"name": loaded.name}
    for weight, expected in zip(loaded.weights, model.weights, strict=True):
        assert weight.path == expected.path
        np.testing.assert_array_equal(weight, expected)
    assert loaded.tokenizer.vocabulary.pieces == tuple(PIECES) and not loaded.tokenizer.lowercase


def test_public_classes_are_loaded():
    model = bert_tf.load_model(FOLDER / "BertForPreTraining")

    assert type(model) is bert_tf.BertPretrainer


def test_saves_the_tokeniser_that_came_with_the_model(tmp_path):
    model = load_model(FOLDER / "BertModel")

    save_model(model, tmp_path / "saved")

    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == FILES
    assert load_model(tmp_path / "saved").tokenizer.get_config() == model.tokenizer.get_config()


def test_unknown_keys_of_the_configuration_survive(tmp_path):
    folder = copy_of("BertModel", tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"finetuning_task": "x", "nested": {"a": [1, {"b": 2}]}}))

    save_model(load_model(folder), tmp_path / "saved")

    values = json.loads((tmp_path / "saved/config.json").read_text())
    assert values["finetuning_task"] == "x" and values["nested"] == {"a": [1, {"b": 2}]}


def test_loaded_model_can_be_saved_by_keras_without_its_tokeniser(tmp_path):
    model = load_model(FOLDER / "BertModel")

    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not hasattr(loaded, "tokenizer")
    np.testing.assert_array_equal(loaded.weights[0], model.weights[0])


def test_other_files_of_an_existing_folder_stay_and_old_model_files_go(tmp_path):
    folder = tmp_path / "run"
    save_model(BertSentenceEmbedder(CONFIG), folder)
    (folder / "report.json").write_text("{}")
    (folder / "checkpoints").mkdir()
    (folder / "model.safetensors.index.json").write_text("old")
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES))

    save_model(BertPretrainer(CONFIG), folder)

    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoints", "config.json", "model.safetensors", "report.json", "vocab.txt"]
    assert load_model(folder).tokenizer.vocabulary.pieces == tuple(PIECES)


def test_folder_may_be_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    save_model(BertEncoder(CONFIG), ".")

    assert isinstance(load_model("."), BertEncoder)
    assert sorted(path.name for path in pathlib.Path.cwd().iterdir()) == ["config.json", "model.safetensors"]


def test_folder_may_be_a_disk_of_its_own(tmp_path, monkeypatch):
    folder = tmp_path / "mounted"
    save_model(BertEncoder(CONFIG), folder)
    replace = pathlib.Path.replace

    def within_the_disk(path, target):
        # Such a disk begins at the folder.
        if (folder in path.parents) != (folder in pathlib.Path(target).parents):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(pathlib.Path, "replace", within_the_disk)
    save_model(BertPretrainer(CONFIG), folder)

    assert isinstance(load_model(folder), BertPretrainer)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["mounted"]


@pytest.mark.parametrize("exists", [False, True])
def test_failure_leaves_everything_as_it_was(exists, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    if exists:
        save_model(BertEncoder(CONFIG), folder)
    before = {path.name: path.read_bytes() for path in folder.glob("*")}

    def no_space(model, path):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(hugging_face, "write_file", no_space)
    with pytest.raises(OSError, match="no space left"):
        save_model(BertPretrainer(CONFIG), folder)

    assert {path.name: path.read_bytes() for path in folder.glob("*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"] * exists


def test_weights_are_as_readable_as_the_rest(tmp_path):
    save_model(BertEncoder(CONFIG), tmp_path / "saved")

    modes = {stat.S_IMODE((tmp_path / "saved" / name).stat().st_mode) for name in ("config.json", "model.safetensors")}
    assert len(modes) == 1


def test_refuses_a_file_as_the_folder(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ValueError, match="a folder, or nothing, at the path to write to"):
        save_model(BertEncoder(CONFIG), tmp_path / "file")


def test_refuses_other_models(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    with pytest.raises(ValueError, match="Expected a model out of BertClassifier, .* Received: Sequential."):
        save_model(model, tmp_path / "saved")


def test_refuses_a_vocabulary_larger_than_the_model(tmp_path):
    config = EncoderConfig.from_dict(CONFIG.to_dict() | {"vocabulary_size": 6})

    with pytest.raises(ValueError, match="pieces=7, vocabulary_size=6"):
        save_model(BertEncoder(config), tmp_path / "saved", WordPieceTokenizer(PIECES))
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(("values", "message"), [
    ({"architectures": ["BertLMHeadModel"]}, r"`architectures` in .*config.json to name one of BertModel, "),
    ({"architectures": None}, "`classifier.weight` may belong to texts, tokens or choices; or a `model_class`"),
])
def test_architecture_must_be_known(values, message, tmp_path):
    folder = copy_of("BertForSequenceClassification", tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))

    with pytest.raises(ValueError, match=message):
        load_model(folder)
    assert load_model(folder, BertClassifier).labels == ("negative", "neutral", "positive")


@pytest.mark.parametrize("architecture", ["BertModel", "BertForPreTraining", "BertForMaskedLM",
                                          "BertForNextSentencePrediction", "BertForQuestionAnswering"])
def test_architecture_is_seen_in_the_tensors(architecture, tmp_path):
    folder = copy_of(architecture, tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items()
                                if key != "architectures"}))

    assert load_model(folder).output.keys() == load_model(FOLDER / architecture).output.keys()


def test_folder_of_no_format_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"Received: {tmp_path}, which has none of them"):
        load_model(tmp_path)


def test_downloads_from_the_hub_without_pickles(monkeypatch):
    calls = []

    def download(name, **options):
        calls.append((name, options))
        return str(FOLDER / "BertModel")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)

    model = load_model("owner/some-model.v1", revision="main")

    assert isinstance(model, BertEncoder)
    assert calls == [("owner/some-model.v1", {"revision": "main",
                                              "allow_patterns": ["*.json", "*.txt", "*.safetensors"]})]


def test_repository_without_safetensors_is_named(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(tmp_path))

    with pytest.raises(ValueError, match=r"model.safetensors in owner/model .*from_pretrained\('owner/model'\)"):
        load_model("owner/model")


def test_folder_comes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner").mkdir()
    copy_of("BertModel", tmp_path / "owner")

    assert isinstance(load_model("owner/BertModel"), BertEncoder)


def test_failing_download_is_one_clear_error(monkeypatch):
    def download(name, **options):
        raise huggingface_hub.errors.LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)

    with pytest.raises(ValueError, match=r"'owner/model', which is no folder here and could not be .* \(offline\)"):
        load_model("owner/model")


@pytest.mark.parametrize("name", ["no-such-folder", "a/b/c", "../x", "owner/model/"])
def test_other_strings_are_no_hub_names(name):
    with pytest.raises(ValueError, match="a model folder, or `owner/name` on the Hugging Face hub"):
        local_path(name)
