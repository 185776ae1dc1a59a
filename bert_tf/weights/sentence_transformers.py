"""The files that sentence-transformers adds to a Hugging Face folder: modules, pooling, maximum length."""

import json
import pathlib
from typing import Any

from bert_tf.config import read_json, require
from bert_tf.models.sentence_embedder import BertSentenceEmbedder

MODULES_FILE = "modules.json"
_LENGTH_FILE = "sentence_bert_config.json"
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max"}
_CLASSES = "sentence_transformers.models."


def is_sentence_transformer(folder: pathlib.Path) -> bool:
    """Whether `folder` is more than a plain Hugging Face folder."""
    return (folder / MODULES_FILE).is_file()


def transformer_folder(folder: pathlib.Path) -> pathlib.Path:
    """The folder of the encoder, which `modules.json` may place in a folder below."""
    return folder / _modules(folder)["Transformer"]


def read_arguments(folder: pathlib.Path) -> dict[str, Any]:
    """The arguments of `BertSentenceEmbedder` that the folder's modules amount to.

    Raises:
        ValueError: the modules do more than pool and normalise, or pool in a way that we do not have.
    """
    modules = _modules(folder)
    arguments = {"normalize": "Normalize" in modules}
    settings_path = folder / "config_sentence_transformers.json"
    prompt = read_json(settings_path).get("default_prompt_name") if settings_path.is_file() else None
    require(prompt is None, f"no `default_prompt_name` in {settings_path}: texts get no prompt here",
            default_prompt_name=prompt)
    length = _max_length(folder / modules["Transformer"])
    arguments |= {} if length is None else {"max_length": length}
    path = folder / modules["Pooling"] / "config.json"
    values = read_json(path)
    chosen = [key for key, value in values.items() if key.startswith("pooling_mode_") and value is True]
    # Newer versions write one word instead.
    word = values.get("pooling_mode")
    pooling = word if word in _POOLINGS.values() else _POOLINGS.get(chosen[0]) if len(chosen) == 1 else None
    require(pooling is not None, f"one pooling out of {', '.join(_POOLINGS.values())} in {path}",
            pooling=word or chosen)
    return arguments | {"pooling": pooling}


def lowercases_first(folder: pathlib.Path) -> bool:
    """Whether the text is lower-cased before it comes to the tokeniser."""
    path = transformer_folder(folder) / _LENGTH_FILE
    return path.is_file() and read_json(path).get("do_lower_case") is True


def write_files(model: BertSentenceEmbedder, folder: pathlib.Path) -> None:
    """Writes the extra files for `model`, so that `SentenceTransformer(folder)` computes the same embeddings."""
    names = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * model.normalize
    modules = [{"idx": index, "name": str(index), "path": path, "type": _CLASSES + name}
               for index, (path, name) in enumerate(names)]
    pooling = {"word_embedding_dimension": model.config.hidden_dim}
    pooling |= {key: name == model.pooling for key, name in _POOLINGS.items()}
    _write(folder / MODULES_FILE, modules)
    _write(folder / _LENGTH_FILE, {"max_seq_length": model.max_length, "do_lower_case": False})
    for path, _ in names[1:]:
        (folder / path).mkdir()
    _write(folder / "1_Pooling" / "config.json", pooling)


def _max_length(transformer: pathlib.Path) -> int | None:
    """Tokens a text is cut to; newer versions of the library keep the number with the tokeniser."""
    for name, key in ((_LENGTH_FILE, "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        length = read_json(transformer / name).get(key) if (transformer / name).is_file() else None
        if length is not None:
            positions = read_json(transformer / "config.json").get("max_position_embeddings", 512)
            return min(int(length), positions)
    return None


def _modules(folder: pathlib.Path) -> dict[str, str]:
    """Class name of each module -> its folder; checks that they are a chain we can compute."""
    path = folder / MODULES_FILE
    try:
        modules = {entry["type"].rpartition(".")[2]: entry["path"]
                   for entry in json.loads(path.read_text(encoding="utf-8"))}
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"Expected a list of modules in {path}. Received: {error!r}.") from None
    chain = list(modules)
    require(chain in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]),
            f"Transformer, Pooling and at most Normalize in {path}", modules=chain)
    return modules


def _write(path: pathlib.Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
