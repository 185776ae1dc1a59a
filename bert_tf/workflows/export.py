"""Turns a model directory into what production runs: the work of `scripts/export.py`."""

import pathlib
import re
from collections.abc import Callable

import keras

from bert_tf.config import require
from bert_tf.endpoints.classification import Classifier
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.heads import endpoint_for
from bert_tf.endpoints.multiple_choice import MultipleChoice
from bert_tf.endpoints.tokenizers import tokenizer_for
from bert_tf.export.hub_encoder import save_encoder
from bert_tf.export.hub_preprocessor import save_preprocessor
from bert_tf.export.readme import WRITTEN_BY, readme
from bert_tf.export.saved_model import load_signatures, save_endpoint
from bert_tf.export.serving_files import batching_config, compose_file, models_config
from bert_tf.export.versions import free_version, new_version
from bert_tf.export.warmup import write_warmup
from bert_tf.files import whole_file
from bert_tf.model_directory import load_model

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Name of a precision -> Keras' dtype policy."""
MOST_FROZEN = 50_000_000
"""Parameters. TensorFlow copies constants several times for each signature that is called: 23 million take 2.5 GB, 110
million 21 GB."""

README = "README.md"


def export_saved_model(model: str, output: str, *, version: int | None = None, max_length: int | None = None,
                       precision: str = "float32", pairs: bool | None = None, tensor_parallel: int = 2,
                       report: Callable[[str], None] = print) -> pathlib.Path:
    """Writes `output/<version>/` for TensorFlow Serving, and beside it what a server and its users want to know.

    Of the configuration files beside it those that have been changed stay as they are.

    Args:
        model: whatever `bert_tf.load_model` takes.
        output: the folder of all versions; its name is the model's on the server.
        version: by default one more than the largest there is.
        max_length: tokens of a row at most; by default what the model can take.
        precision: one of `PRECISIONS`. In bfloat16 the weights of models up to `MOST_FROZEN` become constants.
        pairs: whether a classifier's `serving_default` takes pairs; by default what it was trained on, if its
            `config.json` says so under `text_pairs`, else single texts. Not for other models.
        tensor_parallel: in how many parts encoder blocks compute, side by side on the cores of a CPU; 1 for a GPU.
        report: gets each line.

    Returns:
        The version folder.

    Raises:
        ValueError: the version exists, there is another README.md in `output`, or the model cannot be exported like
            this. Nothing is written then.
    """
    require(precision in PRECISIONS, f"`precision` to be one of {', '.join(PRECISIONS)}", precision=precision)
    require(tensor_parallel >= 1, "`tensor_parallel` >= 1", tensor_parallel=tensor_parallel)
    folder = pathlib.Path(output)
    name = folder.resolve().name
    require(bool(re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII)),
            "an output folder named with letters, digits, -, _ and ., which is the model's name on the server",
            output=output)
    version = free_version(folder, version)
    _check_readme(folder / README)
    loaded = load_model(model, dtype=PRECISIONS[precision])
    endpoint = endpoint_for(loaded, max_length)
    check_labels(loaded)
    pairs = takes_pairs(endpoint, pairs)
    with new_version(folder, version) as unfinished:
        save_endpoint(endpoint, unfinished, pairs=pairs,
                      freeze=precision == "bfloat16" and loaded.count_params() <= MOST_FROZEN,
                      tensor_parallel=tensor_parallel)
        signatures = load_signatures(unfinished)
        write_warmup(unfinished, name, endpoint, signatures)
        beside = {README: readme(name, endpoint, signatures), "models.config": models_config(name),
                  "batching.config": batching_config(),
                  "docker-compose.yml": compose_file(name, batching=not isinstance(endpoint, MultipleChoice))}
    for file, text in beside.items():
        path = folder / file
        if file != README and path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            report(f"kept       {path}, which differs from what would be written now")
            continue
        with whole_file(path) as new:
            new.write_text(text, encoding="utf-8")
    report(f"endpoint   {type(endpoint).__name__}: at most {endpoint.max_length} tokens")
    for signature, function in signatures.items():
        report(f"signature  {signature}: {', '.join(sorted(function.structured_input_signature[1], reverse=True))} -> "
               f"{', '.join(sorted(function.structured_outputs))}")
    report(f"written    {folder / str(version)}; how to serve it: {folder / 'README.md'}")
    return folder / str(version)


def export_hub(model: str, output: str, *, version: int | None = None, max_length: int | None = None,
               precision: str = "float32", report: Callable[[str], None] = print) -> None:
    """Writes TF Hub's text API: `output/preprocessor/<version>/` and `output/encoder/<version>/`.

    Args:
        model: whatever `bert_tf.load_model` takes.
        output: the folder of both.
        version: by default one more than the largest there is.
        max_length: tokens of a row where the caller does not say; by default 128, or what the model can take.
        precision: one of `PRECISIONS`; what comes out is float32.
        report: gets each line.

    Raises:
        ValueError: a version exists, or the model has no tokeniser or no pooler.
    """
    require(precision in PRECISIONS, f"`precision` to be one of {', '.join(PRECISIONS)}", precision=precision)
    folders = [pathlib.Path(output, name) for name in ("preprocessor", "encoder")]
    version = max(free_version(folder, version) for folder in folders)
    loaded = load_model(model, dtype=PRECISIONS[precision])
    tokenizer = tokenizer_for(loaded, None)
    limit = loaded.config.max_sequence_length
    length = min(128, limit) if max_length is None else max_length
    require(3 <= length <= limit, f"`max_length` in [3, {limit}]", max_length=max_length)
    with new_version(folders[0], version) as preprocessor, new_version(folders[1], version) as encoder:
        save_encoder(loaded, tokenizer, encoder)
        save_preprocessor(tokenizer, preprocessor, length=length)
    for folder in folders:
        report(f"written    {folder / str(version)}")


def _check_readme(path: pathlib.Path) -> None:
    """A README.md that is not an export's is somebody's: the folder is not one of versions of a model."""
    require(not path.exists() or WRITTEN_BY in path.read_text(encoding="utf-8", errors="replace"),
            f"an output folder for this model alone, such as {path.parent}/NAME: there is a README.md in {path.parent} "
            "that would be replaced", output=str(path.parent))


def takes_pairs(endpoint: Endpoint, pairs: bool | None) -> bool:
    """`pairs`, or what a classifier was trained on, if its `config.json` says so.

    Raises:
        ValueError: `pairs` is given for a model that is no classifier.
    """
    require(pairs is None or isinstance(endpoint, Classifier), "a classifier of texts, if `pairs` is given",
            endpoint=type(endpoint).__name__, pairs=pairs)
    if pairs is None:
        return bool(getattr(endpoint.model, "kept_config", {}).get("text_pairs", False))
    return pairs


def check_labels(model: keras.Model) -> None:
    """Names of the kind LABEL_0 are those of a configuration without names; clients could do nothing with them."""
    labels = getattr(model, "labels", None)
    if labels is not None and getattr(model, "problem_type", None) != "regression":
        require(labels != tuple(f"LABEL_{index}" for index in range(len(labels))),
                "labels with names: `id2label` in the model's config.json", labels=labels)
