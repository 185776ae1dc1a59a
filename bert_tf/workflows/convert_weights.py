"""Converts a model folder from one format to another and says what became of every tensor."""

import collections
import pathlib
from collections.abc import Callable

import keras

from bert_tf.config import require
from bert_tf.model_directory import READERS, format_of, load_with_report, local_path, replaced_folder, save_model
from bert_tf.weights import google, keras_hub
from bert_tf.weights.transfer import Transfer
from bert_tf.workflows.verify_weights import verify

TARGETS = ("hugging_face", "keras_hub", "google")

_GOOGLE_FILES = ("bert_config.json", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001", "vocab.txt")
_KERAS_HUB_FILES = ("config.json", "metadata.json", "model.weights.h5", "task.json", "task.weights.h5",
                    "tokenizer.json", "preprocessor.json", "assets")


def convert_weights(source: str, output: str, *, source_format: str | None = None,
                    target_format: str = "hugging_face", verify_source: bool = False,
                    allow_approximate: bool = False, report: Callable[[str], None] = print) -> None:
    """Reads `source`, writes `output`, and reports counts, what was dropped and how far the results are off.

    Args:
        source: whatever `bert_tf.load_model` takes.
        output: folder to write; files in it that the format does not know stay.
        source_format: one of `READERS`; None recognises it.
        target_format: one of `TARGETS`.
        verify_source: also run the source's own library on a few sentences, if it is installed.
        allow_approximate: write a KerasHub preset although KerasHub computes this model slightly differently.
        report: gets each line.

    Raises:
        ValueError: the source cannot be read or the target format cannot hold it. Nothing is written then.
    """
    require(target_format in TARGETS, f"`target_format` to be one of {', '.join(TARGETS)}", target_format=target_format)
    require(source_format is None or source_format in READERS,
            f"`source_format` to be one of {', '.join(READERS)}", source_format=source_format)
    path = local_path(source)
    folder = path if path.is_dir() else path.parent
    require(folder.resolve() != pathlib.Path(output).resolve(), "`output` to be another folder than `source`",
            source=source, output=output)
    source_format = source_format or format_of(path)
    model, transfer = load_with_report(path, source_format=source_format)
    report(f"source     {path} ({source_format})")
    for line in description(model, transfer):
        report(line)
    if verify_source:
        report(f"verified   {verify(model, path, source_format)}")
    if target_format == "hugging_face":
        save_model(model, output)
    elif target_format == "google":
        with replaced_folder(output, _GOOGLE_FILES) as folder:
            google.write_files(model, folder, model.tokenizer)
    else:
        with replaced_folder(output, _KERAS_HUB_FILES) as folder:
            difference = keras_hub.write_files(model, folder, model.tokenizer, allow_approximate=allow_approximate)
        report(f"KerasHub   largest difference of its outputs {difference:.1e}")
    report(f"written    {output} ({target_format})")


def description(model: keras.Model, transfer: Transfer) -> list[str]:
    """What was read, as lines of text."""
    config = model.config
    lines = [
        f"model      {type(model).__name__}: {config.num_layers} layers, hidden {config.hidden_dim}, "
        f"{config.num_heads} heads, vocabulary {config.vocabulary_size:,}, {config.activation}",
        f"mapped     {transfer.num_tensors} tensors to {len(transfer.mapped)} variables, "
        f"{transfer.parameters:,} parameters",
    ]
    names = collections.defaultdict(list)
    for name, reason in transfer.dropped.items():
        names[reason].append(name)
    for reason, dropped in names.items():
        more = f" and {len(dropped) - 3} more" if len(dropped) > 3 else ""
        lines.append(f"dropped    {', '.join(sorted(dropped)[:3])}{more}: {reason}")
    if model.tokenizer is None:
        lines.append("tokeniser  none: the folder has no vocabulary")
    else:
        casing = "lower-cased" if model.tokenizer.lowercase else "cased"
        lines.append(f"tokeniser  {len(model.tokenizer.vocabulary):,} pieces, {casing}")
    return lines
