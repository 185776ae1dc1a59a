import json

import numpy as np
import pytest

from bert_tf.config import EncoderConfig
from bert_tf.model_directory import load_model, save_model
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from tests.weights.fresh_process import needs, printed
from tests.weights.hugging_face_models import INPUTS, copy_of

CONFIG = EncoderConfig(vocabulary_size=52, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8,
                       max_sequence_length=24)
OLD = "sentence_transformers.models."


def test_plain_folder_becomes_an_embedder_when_asked(tmp_path):
    model = load_model(copy_of("BertModel", tmp_path), BertSentenceEmbedder)

    assert (model.pooling, model.normalize, model.max_length) == ("mean", False, 24)


@pytest.mark.parametrize(("settings", "pooling"), [
    ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
    ({"pooling_mode_cls_token": True}, "cls"),
    ({"pooling_mode": "max"}, "max"),
])
def test_reads_modules(settings, pooling, tmp_path):
    folder = _embedder_folder(tmp_path, settings, ("Transformer", "Pooling", "Normalize"))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 10, "do_lower_case": false}')

    model = load_model(folder)

    assert isinstance(model, BertSentenceEmbedder)
    assert (model.pooling, model.normalize, model.max_length) == (pooling, True, 10)
    np.testing.assert_allclose(np.linalg.norm(model(INPUTS)["embedding"], axis=-1), np.ones(3), atol=1e-6)


def test_newer_folders_keep_the_length_with_the_tokeniser(tmp_path):
    folder = _embedder_folder(tmp_path, {"pooling_mode": "mean"}, ("Transformer", "Pooling"))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 17}))

    model = load_model(folder)

    assert (model.max_length, model.normalize) == (17, False)


def test_lower_cases_first_if_told(tmp_path):
    folder = _embedder_folder(tmp_path, {"pooling_mode": "mean"}, ("Transformer", "Pooling"))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 10, "do_lower_case": true}')
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"do_lower_case": False}))

    assert load_model(folder).tokenizer.lowercase


@pytest.mark.parametrize(("cased", "strips"), [
    ({"do_lower_case": False}, False),
    ({"do_lower_case": False, "strip_accents": True}, True),
    ({"do_lower_case": True}, True),
    ({"do_lower_case": True, "strip_accents": False}, False),
])
def test_lower_casing_first_leaves_accents_to_the_tokeniser(cased, strips, tmp_path):
    folder = _embedder_folder(tmp_path, {"pooling_mode": "mean"}, ("Transformer", "Pooling"))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 10, "do_lower_case": true}')
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"strip_accents": None} | cased))

    tokenizer = load_model(folder).tokenizer

    assert (tokenizer.lowercase, tokenizer.strip_accents) == (True, strips)


def test_encoder_may_lie_in_a_folder_of_its_own(tmp_path):
    folder = tmp_path / "embedder"
    folder.mkdir()
    copy_of("BertModel", folder).rename(folder / "0_Transformer")
    _write_modules(folder, {"pooling_mode": "cls"}, ("Transformer", "Pooling"), encoder_path="0_Transformer")

    assert load_model(folder).pooling == "cls"


@pytest.mark.parametrize(("settings", "modules", "message"), [
    ({"pooling_mode": "weightedmean"}, ("Transformer", "Pooling"), "1_Pooling/config.json. Received: pooling='weight"),
    ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, ("Transformer", "Pooling"),
     "one pooling out of mean, cls, max"),
    ({"pooling_mode": "mean"}, ("Transformer", "Pooling", "Dense"), r"modules=\['Transformer', 'Pooling', 'Dense'\]"),
])
def test_refuses_what_it_cannot_compute(settings, modules, message, tmp_path):
    folder = _embedder_folder(tmp_path, settings, modules)

    with pytest.raises(ValueError, match=message):
        load_model(folder)


def test_refuses_prompts(tmp_path):
    folder = _embedder_folder(tmp_path, {"pooling_mode": "mean"}, ("Transformer", "Pooling"))
    settings = folder / "config_sentence_transformers.json"
    settings.write_text('{"prompts": {"query": "Find: "}, "default_prompt_name": null}')
    load_model(folder)
    settings.write_text('{"prompts": {"query": "Find: "}, "default_prompt_name": "query"}')

    with pytest.raises(ValueError, match="config_sentence_transformers.json.* default_prompt_name='query'"):
        load_model(folder)


def test_refuses_damaged_modules(tmp_path):
    folder = _embedder_folder(tmp_path, {"pooling_mode": "mean"}, ("Transformer", "Pooling"))
    (folder / "modules.json").write_text('{"0": 1}')

    with pytest.raises(ValueError, match="Expected a list of modules in .*modules.json"):
        load_model(folder)


@pytest.mark.parametrize(("pooling", "normalize"), [("mean", True), ("cls", False), ("max", True)])
def test_round_trip(pooling, normalize, tmp_path):
    model = BertSentenceEmbedder(CONFIG, pooling=pooling, normalize=normalize, max_length=9)

    save_model(model, tmp_path / "saved")
    loaded = load_model(tmp_path / "saved")

    assert (loaded.pooling, loaded.normalize, loaded.max_length) == (pooling, normalize, 9)
    np.testing.assert_array_equal(loaded(INPUTS)["embedding"], model(INPUTS)["embedding"])


def test_sentence_transformers_opens_what_was_saved(tmp_path):
    from bert_tf.endpoints.embedding import SentenceEmbedder
    needs("torch", "sentence_transformers")
    model = load_model(copy_of("BertModel", tmp_path), BertSentenceEmbedder, normalize=True, max_length=9)
    save_model(model, tmp_path / "saved")

    texts = ["the cat sat on that mat", "red fish", "猫 and 魚 " * 10]
    max_length, embeddings = printed(
        "import json, sys, sentence_transformers\n"
        "model = sentence_transformers.SentenceTransformer(sys.argv[1], device='cpu')\n"
        "print(json.dumps([model.max_seq_length, model.encode(sys.argv[2:]).tolist()]))", tmp_path / "saved", *texts)

    assert max_length == 9
    np.testing.assert_allclose(SentenceEmbedder(model)(texts), embeddings, atol=1e-6)


def _embedder_folder(tmp_path, settings, modules):
    folder = copy_of("BertModel", tmp_path)
    _write_modules(folder, settings, modules)
    return folder


def _write_modules(folder, settings, modules, encoder_path=""):
    paths = [encoder_path, *(f"{index}_{name}" for index, name in enumerate(modules[1:], start=1))]
    entries = [{"idx": index, "name": str(index), "path": path, "type": OLD + name}
               for index, (name, path) in enumerate(zip(modules, paths, strict=True))]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps(settings))
