"""save_model and load_model: a model, its tokeniser and its labels in one Hugging Face folder."""

import contextlib
import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import keras
from absl import logging

from bert_tf.config import require
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.training.distributed import distributed
from bert_tf.weights import google, hugging_face_folder, keras_hub
from bert_tf.weights.transfer import Transfer

READERS: dict[str, Any] = {"google": google, "keras_hub": keras_hub, "hugging_face": hugging_face_folder}
"""Format -> the module with its `recognises` and `read_model`."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ("*.json", "*.txt", "*.safetensors")

_OWNED = ("config.json", "model.safetensors", "model.safetensors.index.json", "modules.json", "1_Pooling",
          "2_Normalize", "sentence_bert_config.json", "config_sentence_transformers.json")
_OWNED_BY_TOKENIZER = ("vocab.txt", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json",
                       "added_tokens.json")


def load_model(directory: str | os.PathLike | keras.Model, model_class: type | None = None, *,
               revision: str | None = None, **arguments: Any) -> keras.Model:
    """Opens a published or saved BERT; the result's `.tokenizer` is a `WordPieceTokenizer`, or None without vocabulary.

    Args:
        directory: a Hugging Face or sentence-transformers folder, a folder or prefix of Google's checkpoints, a
            KerasHub preset folder, or "owner/name" on the Hugging Face hub where no such folder exists; or a KerasHub
            `BertBackbone`, `BertMaskedLM` or `BertTextClassifier` itself.
        model_class: for example `bert_tf.BertClassifier`; None for the class that the folder was written for. With
            another class, weights that the folder lacks are drawn anew and named in a warning.
        revision: branch, tag or commit on the hub.
        **arguments: for the class's constructor, such as `labels=["no", "yes"]` or `return_hidden_states=True`.

    Returns:
        The model, weights in float32.

    Raises:
        ValueError: there is nothing to load, or it is damaged or contradicts itself; names the file and the tensor.
    """
    return load_with_report(directory, model_class, revision=revision, **arguments)[0]


def load_with_report(directory: str | os.PathLike | keras.Model, model_class: type | None = None, *,
                     revision: str | None = None, source_format: str | None = None,
                     **arguments: Any) -> tuple[keras.Model, Transfer]:
    """As `load_model`; also returns what happened to every tensor. `source_format` is one of `READERS`."""
    if isinstance(directory, keras.Model):
        place = directory.name
        model, transfer = keras_hub.from_keras_hub(directory, model_class, arguments, _public_class, place=place)
    else:
        place = local_path(directory, revision)
        reader = READERS[source_format or format_of(place)]
        model, transfer = reader.read_model(place, model_class, arguments, _public_class)
    if transfer.drawn_anew:
        logging.warning("%s does not hold these weights of %s; they were drawn anew and want training: %s.", place,
                        type(model).__name__, ", ".join(transfer.drawn_anew))
    return model, transfer


def format_of(path: pathlib.Path) -> str:
    """Which of `READERS` can open `path`.

    Raises:
        ValueError: none of them.
    """
    for name, reader in READERS.items():
        if reader.recognises(path):
            return name
    raise ValueError("Expected config.json and model.safetensors (Hugging Face), bert_config.json and a checkpoint "
                     f"(Google), or a KerasHub preset. Received: {path}, which has none of them.")


def local_path(directory: str | os.PathLike, revision: str | None = None) -> pathlib.Path:
    """`directory` itself, or the folder of the hub's cache that holds the repository of that name."""
    path = pathlib.Path(directory)
    if path.exists() or google.recognises(path):
        return path
    name = os.fspath(directory)
    require(bool(_HUB_NAME.fullmatch(name)), "a model folder, or `owner/name` on the Hugging Face hub", directory=name)
    import huggingface_hub

    try:
        # Weights that would have to be unpickled are not even downloaded.
        folder = huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=list(_HUB_FILES))
    except (huggingface_hub.errors.HfHubHTTPError, huggingface_hub.errors.HFValidationError,
            huggingface_hub.errors.LocalEntryNotFoundError, OSError) as error:
        raise ValueError(f"Expected a model folder, or `owner/name` on the Hugging Face hub. Received: {name!r}, which "
                         f"is no folder here and could not be downloaded ({error}).") from error
    require(any(pathlib.Path(folder).rglob("*.safetensors")), f"model.safetensors in {name} (other weights are not "
            "downloaded, because reading them can run code; convert them where you trust them, with Transformers: "
            f"`AutoModel.from_pretrained({name!r}).save_pretrained(NEW_FOLDER)`, or the AutoModel class of its "
            "architecture)", safetensors_files=0)
    return pathlib.Path(folder)


def save_model(model: keras.Model, directory: str | os.PathLike,
               tokenizer: WordPieceTokenizer | None = None) -> None:
    """Writes `model` as a Hugging Face folder that Transformers' `AutoModel` classes and `AutoTokenizer` open.

    A new folder appears complete or not at all. In a folder that exists, this replaces the files of a former model and
    leaves all others alone; `config.json` is taken away first and comes back last, so that an interruption leaves a
    folder that says it is no model rather than a mixture of two. Without a tokeniser its files stay as they are.

    Args:
        model: any of bert_tf's models.
        directory: where the files go.
        tokenizer: None for `model.tokenizer`, if there is one.

    Raises:
        ValueError: a model of another class, a vocabulary larger than its token embedding, or a path that is a file.
    """
    tokenizer = getattr(model, "tokenizer", None) if tokenizer is None else tokenizer
    hugging_face_folder.architecture_of(model)
    if tokenizer is not None:
        require(len(tokenizer.vocabulary) <= model.config.vocabulary_size,
                "the tokeniser to have at most `vocabulary_size` pieces", pieces=len(tokenizer.vocabulary),
                vocabulary_size=model.config.vocabulary_size)
    with replaced_folder(directory, _OWNED + (_OWNED_BY_TOKENIZER if tokenizer is not None else ())) as folder:
        hugging_face_folder.write_files(model, folder, tokenizer)


@contextlib.contextmanager
def replaced_folder(directory: str | os.PathLike, owned: tuple[str, ...]) -> Iterator[pathlib.Path]:
    """Gives an empty folder to write into, and puts its content in `directory` when all went well.

    It lies in `directory`, which may be a disk of its own, or beside it where there is none yet.

    Args:
        directory: the final place.
        owned: names that are removed from an existing `directory` if the new content does not have them. The first of
            them is what marks the folder as complete.
    """
    final = pathlib.Path(directory)
    require(not final.exists() or final.is_dir(), "a folder, or nothing, at the path to write to", path=str(final))
    name = f".{final.name or 'model'}.{uuid.uuid4().hex[:8]}.unfinished"
    unfinished = (final if final.exists() else final.parent) / name
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if not final.exists():
            unfinished.rename(final)
        else:
            _move_into(unfinished, final, owned)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _move_into(new: pathlib.Path, folder: pathlib.Path, owned: tuple[str, ...]) -> None:
    """Replaces `owned` in `folder` by the content of `new`; the first of `owned` is away meanwhile."""
    marker = owned[0]
    (folder / marker).unlink(missing_ok=True)
    for name in owned:
        if not (new / name).exists() or (folder / name).is_dir():
            _remove(folder / name)
    for path in sorted(new.iterdir(), key=lambda path: path.name == marker):
        if path.is_dir():
            _remove(folder / path.name)
        path.replace(folder / path.name)


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _public_class(model_class: type) -> type:
    """The class that `load_model` builds where a folder asks for `model_class`."""
    return distributed(model_class)


