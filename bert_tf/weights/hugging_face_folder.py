"""A whole Hugging Face model folder <-> one of our models with its tokeniser."""

import json
import pathlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras

from bert_tf.config import read_json, require
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.weights import hugging_face, sentence_transformers
from bert_tf.weights import hugging_face_config as config_file
from bert_tf.weights.hugging_face_tokenizer import read_tokenizer, write_tokenizer
from bert_tf.weights.safetensors_files import FILE, SafetensorsFiles
from bert_tf.weights.transfer import Transfer, zeros_for_random_values

CONFIG_FILE = "config.json"

ARCHITECTURES: dict[str, tuple[type, dict[str, Any]]] = {
    "BertModel": (BertEncoder, {}),
    "BertForPreTraining": (BertPretrainer, {"masked_lm": True, "next_sentence": True}),
    "BertForMaskedLM": (BertPretrainer, {"masked_lm": True, "next_sentence": False}),
    "BertForNextSentencePrediction": (BertPretrainer, {"masked_lm": False, "next_sentence": True}),
    "BertForSequenceClassification": (BertClassifier, {}),
    "BertForTokenClassification": (BertTokenClassifier, {}),
    "BertForQuestionAnswering": (BertSpanPredictor, {}),
    "BertForMultipleChoice": (BertMultipleChoice, {}),
}
"""Transformers' class -> ours and the arguments that make it the same."""


def recognises(folder: pathlib.Path) -> bool:
    """Whether `folder` looks like a Hugging Face or sentence-transformers folder."""
    if sentence_transformers.is_sentence_transformer(folder):
        return True
    return (folder / CONFIG_FILE).is_file() and "registered_name" not in read_json(folder / CONFIG_FILE)


def read_model(folder: pathlib.Path, model_class: type | None = None, arguments: Mapping[str, Any] | None = None,
               compose: Callable[[type], type] = lambda plain: plain) -> tuple[keras.Model, Transfer]:
    """Builds the model that the folder describes and assigns its weights; `model.tokenizer` is its tokeniser or None.

    Args:
        folder: a Hugging Face or sentence-transformers folder.
        model_class: one of our classes; None for the one that `architectures` names. With another one, weights that
            the folder lacks are drawn anew.
        arguments: for the class's constructor, before those that the folder suggests.
        compose: maps the class chosen here to the one that is built.

    Raises:
        ValueError: names the file and what is wrong in it.
    """
    is_embedder = sentence_transformers.is_sentence_transformer(folder)
    encoder_folder = sentence_transformers.transformer_folder(folder) if is_embedder else folder
    path = encoder_folder / CONFIG_FILE
    values = read_json(path)
    config = config_file.encoder_config(values, path)
    tensors = SafetensorsFiles(encoder_folder)

    suggested: dict[str, Any] = {}
    anew = model_class is not None
    if is_embedder and model_class is None:
        model_class = compose(BertSentenceEmbedder)
    elif model_class is None:
        plain, suggested = ARCHITECTURES[_architecture(values, tensors.shapes, path)]
        model_class = compose(plain)
    elif issubclass(model_class, BertPretrainer):
        suggested = next((fixed for name in config_file.architectures_of(values, path) if name in ARCHITECTURES
                          for plain, fixed in [ARCHITECTURES[name]] if plain is BertPretrainer), {})
    suggested = suggested | _suggested_arguments(model_class, values, tensors.shapes, path)
    if is_embedder and issubclass(model_class, BertSentenceEmbedder):
        suggested |= sentence_transformers.read_arguments(folder)
    arguments = dict(arguments or {})
    suggested = _without_labels(suggested, arguments)

    # First what costs little, so that errors come soon.
    tokenizer = read_tokenizer(encoder_folder, config.vocabulary_size)
    if tokenizer is not None and is_embedder and sentence_transformers.lowercases_first(folder):
        # Lower-cased before the tokeniser, which goes on to treat accents as it did.
        tokenizer = WordPieceTokenizer.from_config(
            tokenizer.get_config() | {"lowercase": True, "strip_accents": tokenizer.strips_accents})
    with zeros_for_random_values():
        model = model_class(config, **suggested | arguments)
    transfer = hugging_face.read_source(tensors, model, heads_may_be_new=anew)
    model.tokenizer = tokenizer
    model.kept_config = config_file.kept_values(values)
    return model, transfer


def write_files(model: keras.Model, folder: pathlib.Path, tokenizer: WordPieceTokenizer | None) -> None:
    """Writes `model`, and `tokenizer` if there is one, into the existing empty folder `folder`."""
    values = config_file.config_values(model.config, getattr(model, "kept_config", {}))
    values["architectures"] = [architecture_of(model)]
    if isinstance(model, BertClassifier | BertTokenClassifier):
        values |= config_file.label_values(list(model.labels))
    if isinstance(model, BertClassifier):
        values["problem_type"] = config_file.problem_type_name(model.problem_type)
    if isinstance(model, BertClassifier | BertTokenClassifier | BertMultipleChoice):
        values["classifier_dropout"] = model.dropout
    if tokenizer is not None:
        values["pad_token_id"] = tokenizer.vocabulary.pad_id
        max_length = getattr(model, "max_length", model.config.max_sequence_length)
        write_tokenizer(tokenizer, folder, max_length)
    if isinstance(model, BertSentenceEmbedder):
        sentence_transformers.write_files(model, folder)
    if isinstance(model, BertPretrainer) and model.masked_lm_head is not None:
        config_file.warn_if_head_differs(model.config, folder)
    text = json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
    hugging_face.write_file(model, folder / FILE)
    # The safetensors library lets only the owner read what it writes.
    (folder / FILE).chmod((folder / CONFIG_FILE).stat().st_mode)


def architecture_of(model: keras.Model) -> str:
    """The Transformers class that computes what `model` computes."""
    if isinstance(model, BertSentenceEmbedder):
        return "BertModel"
    settings = model.get_config()
    for name, (model_class, fixed) in ARCHITECTURES.items():
        if isinstance(model, model_class) and all(settings[key] == value for key, value in fixed.items()):
            return name
    known = sorted({model_class.__name__ for model_class, _ in ARCHITECTURES.values()})
    raise ValueError(f"Expected a model out of {', '.join(known)}, BertSentenceEmbedder. "
                     f"Received: {type(model).__name__}.")


def _architecture(values: Mapping[str, Any], tensors: Collection[str], path: pathlib.Path) -> str:
    """The Transformers class that wrote the folder; guessed from the tensors where the configuration is silent."""
    names = config_file.architectures_of(values, path)
    if names:
        require(names[0] in ARCHITECTURES, f"`architectures` in {path} to name one of {', '.join(ARCHITECTURES)}; with "
                "`load_model(..., model_class=...)` only the encoder has to fit", architectures=names)
        return names[0]
    masked_lm = any(name.startswith("cls.predictions.") for name in tensors)
    next_sentence = any(name.startswith("cls.seq_relationship.") for name in tensors)
    if masked_lm or next_sentence:
        return {(True, True): "BertForPreTraining", (True, False): "BertForMaskedLM",
                (False, True): "BertForNextSentencePrediction"}[masked_lm, next_sentence]
    require("classifier.weight" not in tensors, f"`architectures` in {path}, because `classifier.weight` may belong to "
            "texts, tokens or choices; or a `model_class`", architectures=None)
    return "BertForQuestionAnswering" if "qa_outputs.weight" in tensors else "BertModel"


def _without_labels(suggested: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`suggested` without the folder's labels where `arguments` have others.

    Where these differ in number, the folder's regression says nothing about them either.
    """
    labels, num_labels = arguments.get("labels"), arguments.get("num_labels")
    if "labels" not in suggested or (labels is None and num_labels is None):
        return dict(suggested)
    others = dict(suggested)
    differs = len(others.pop("labels")) != (num_labels if labels is None else len(labels))
    if differs and others.get("problem_type") == "regression":
        del others["problem_type"]
    return others


def _suggested_arguments(model_class: type, values: Mapping[str, Any], tensors: Collection[str],
                         path: pathlib.Path) -> dict[str, Any]:
    """Constructor arguments that `config.json` and the tensors imply for `model_class`."""
    arguments: dict[str, Any] = {}
    if issubclass(model_class, BertEncoder | BertSentenceEmbedder):
        arguments["pooler"] = "pooler.dense.weight" in tensors
    if issubclass(model_class, BertClassifier | BertTokenClassifier):
        arguments["labels"] = config_file.labels_of(values, path)
    if issubclass(model_class, BertClassifier):
        arguments["problem_type"] = config_file.problem_type_of(values, len(arguments["labels"]), path)
    if issubclass(model_class, BertClassifier | BertTokenClassifier | BertMultipleChoice):
        arguments["dropout"] = config_file.classifier_dropout_of(values, path)
    return arguments
