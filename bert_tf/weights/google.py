"""Google's checkpoints <-> our variables: the TF1 releases of google-research/bert and Model Garden's TF2 encoder.

TF1 names are those of google-research/bert's modeling.py. Kernels are (in, out) as ours; the weights of the
next-sentence, classifier and SQuAD heads are (out, in). The masked-LM decoder is the word embedding and not stored.

Model Garden saves an object graph; its variables are recognised by the name they had in the model
(`transformer/layer_0/self_attention/query/kernel`) or by the path of attributes that leads to them
(`encoder/layer_with_weights-4/_attention_layer/_query_dense/kernel`). Attention kernels are split by heads there.
"""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from bert_tf.config import EncoderConfig, read_json, require
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import Vocabulary
from bert_tf.weights.checkpoint_tensors import CheckpointTensors
from bert_tf.weights.hugging_face_config import config_values, encoder_config
from bert_tf.weights.rows import attention_by_head_rows, dense_rows, embedding_rows, norm_rows
from bert_tf.weights.transfer import (
    Row,
    Transfer,
    foreign_tensors,
    hide_other_classifier,
    num_labels_of,
    read_into,
    zeros_for_random_values,
)

CONFIG_FILE = "bert_config.json"
VOCABULARY_FILE = "vocab.txt"
CHECKPOINT = "bert_model.ckpt"

_OWN_ACTIVATION = "bert_tf_hidden_act"
"""Key of `bert_config.json` that tells the two forms of GELU apart; written by us, read by us."""

_OWN_TOKENIZER_OPTIONS = {"strip_accents": "strip_accents", "tokenize_chinese_chars": "split_cjk"}
"""Keys of `bert_config.json`, as Hugging Face calls them -> ours. Google's code has no such options; written by us
where they are not what it does, read by us."""

_HEADS = {"pooler/": "bert/pooler/", "masked_lm_head/": "cls/predictions/",
          "next_sentence_head/": "cls/seq_relationship/", "classifier/": "output_", "span_head/": "cls/squad/"}
"""Beginnings of our variables' paths -> of Google's names, for all that is not in every model."""

_WRITTEN = (BertEncoder, BertSentenceEmbedder, BertPretrainer, BertClassifier, BertSpanPredictor)

_MODEL_GARDEN_HEADS = ("pooler_transform/", "masked_lm/", "next_sentence/", "classification_heads/", "bert/cls/",
                       "predictions/")


def recognises(path: pathlib.Path) -> bool:
    """Whether `path` is a folder with `bert_config.json` and a checkpoint, or a checkpoint's prefix beside one."""
    if path.is_dir():
        return (path / CONFIG_FILE).is_file() and any(path.glob("*.index"))
    return path.with_name(path.name + ".index").is_file() and (path.parent / CONFIG_FILE).is_file()


def tf1_table(config: EncoderConfig, num_labels: int = 2) -> list[Row]:
    """The rows of an encoder of this configuration and of every head, with TF1 names."""
    hidden, inner, vocabulary = config.hidden_dim, config.intermediate_dim, config.vocabulary_size

    def head(target: str, source: str, outputs: int) -> list[Row]:
        return [Row(f"{target}/kernel", (f"{source}output_weights",), (outputs, hidden), transposed=True),
                Row(f"{target}/bias", (f"{source}output_bias",), (outputs,))]

    rows = [
        *embedding_rows(config, "bert/embeddings/word_embeddings", "bert/embeddings/position_embeddings",
                        "bert/embeddings/token_type_embeddings"),
        *norm_rows("embeddings/norm", "bert/embeddings/LayerNorm", hidden),
    ]
    for index in range(config.num_layers):
        ours, theirs = f"block_{index}", f"bert/encoder/layer_{index}"
        self_attention = [f"{theirs}/attention/self/{name}" for name in ("query", "key", "value")]
        rows += [
            *dense_rows(f"{ours}/attention/query_key_value", self_attention, hidden, hidden),
            *dense_rows(f"{ours}/attention/output", f"{theirs}/attention/output/dense", hidden, hidden),
            *norm_rows(f"{ours}/attention_norm", f"{theirs}/attention/output/LayerNorm", hidden),
            *dense_rows(f"{ours}/feed_forward/expand", f"{theirs}/intermediate/dense", hidden, inner),
            *dense_rows(f"{ours}/feed_forward/contract", f"{theirs}/output/dense", inner, hidden),
            *norm_rows(f"{ours}/output_norm", f"{theirs}/output/LayerNorm", hidden),
        ]
    return rows + [
        *dense_rows("pooler/projection", "bert/pooler/dense", hidden, hidden),
        *dense_rows("masked_lm_head/projection", "cls/predictions/transform/dense", hidden, hidden),
        *norm_rows("masked_lm_head/norm", "cls/predictions/transform/LayerNorm", hidden),
        Row("masked_lm_head/bias", ("cls/predictions/output_bias",), (vocabulary,)),
        *head("next_sentence_head", "cls/seq_relationship/", 2),
        *head("classifier", "", num_labels),
        *head("span_head", "cls/squad/", 2),
    ]


def model_garden_table(config: EncoderConfig) -> list[Row]:
    """The rows of Model Garden's encoder, with the names of its variables (networks/bert_encoder.py)."""
    hidden, inner = config.hidden_dim, config.intermediate_dim
    rows = [
        *embedding_rows(config, "word_embeddings/embeddings", "position_embedding/embeddings",
                        "type_embeddings/embeddings"),
        *norm_rows("embeddings/norm", "embeddings/layer_norm", hidden),
    ]
    for index in range(config.num_layers):
        ours, theirs = f"block_{index}", f"transformer/layer_{index}"
        rows += [
            *attention_by_head_rows(f"{ours}/attention", f"{theirs}/self_attention", config),
            *norm_rows(f"{ours}/attention_norm", f"{theirs}/self_attention_layer_norm", hidden),
            *dense_rows(f"{ours}/feed_forward/expand", f"{theirs}/intermediate", hidden, inner),
            *dense_rows(f"{ours}/feed_forward/contract", f"{theirs}/output", inner, hidden),
            *norm_rows(f"{ours}/output_norm", f"{theirs}/output_layer_norm", hidden),
        ]
    return rows + dense_rows("pooler/projection", "pooler_transform", hidden, hidden)


def read_model(path: pathlib.Path, model_class: type | None = None, arguments: Mapping[str, Any] | None = None,
               compose: Callable[[type], type] = lambda plain: plain) -> tuple[keras.Model, Transfer]:
    """Builds the model that the checkpoint's heads ask for and assigns its weights; `model.tokenizer` is its tokeniser.

    `hidden_act` "gelu" is read as the exact form for TF1 checkpoints, which the releases of 2018 were trained with, and
    as the tanh form for Model Garden, whose encoder computes that; `gelu_new` in `bert_config.json` asks for tanh.
    Casing is not stored either: a vocabulary with an upper-case piece is taken for cased, unless `bert_config.json` has
    `do_lower_case`; `strip_accents` and `tokenize_chinese_chars` there are heeded, too.

    Args:
        path: a folder with `bert_config.json`, `vocab.txt` and one checkpoint, or the checkpoint's prefix.
        model_class: one of our classes; None for the one that fits the checkpoint's heads.
        arguments: for the class's constructor, before those that the checkpoint suggests.
        compose: maps the class chosen here to the one that is built.

    Raises:
        ValueError: names the file and what is wrong in it.
    """
    folder = path if path.is_dir() else path.parent
    values = read_json(folder / CONFIG_FILE)
    source = CheckpointTensors(_prefix(path))
    if _OWN_ACTIVATION in values:
        values = values | {"hidden_act": values[_OWN_ACTIVATION]}
    elif source.is_object_graph and values.get("hidden_act", "gelu") == "gelu":
        values = values | {"hidden_act": "gelu_new"}
    config = encoder_config(values, folder / CONFIG_FILE)
    anew = model_class is not None
    if model_class is None:
        model_class = compose(_class_for(source))
    suggested = _suggested_arguments(model_class, source)
    if arguments and "labels" in arguments:
        suggested.pop("num_labels", None)
    tokenizer = _read_tokenizer(folder, values, config)
    with zeros_for_random_values():
        model = model_class(config, **suggested | dict(arguments or {}))
    table = tf1_table(config, num_labels_of(model))
    if source.is_object_graph:
        own_heads = tuple(head for head in _HEADS if head != "pooler/")
        table = model_garden_table(config) + [row for row in table if row.target.startswith(own_heads)]
    if anew:
        hide_other_classifier(source, table)
    transfer = read_into(model, table, source, why_dropped=lambda name: _why_dropped(name, source),
                         may_be_new=lambda row: anew and row.target.startswith(tuple(_HEADS)),
                         initializer_stddev=config.initializer_stddev)
    model.tokenizer = tokenizer
    return model, transfer


def write_files(model: keras.Model, folder: pathlib.Path, tokenizer: WordPieceTokenizer | None) -> None:
    """Writes `bert_model.ckpt.*` with TF1 names, `bert_config.json` and `vocab.txt` into the existing `folder`.

    Raises:
        ValueError: a head that Google has no name for, or an epsilon other than 1e-12, which is fixed in its code.
    """
    config = model.config
    # A classifier of tokens or choices has the same variables, and would be read back as one of texts.
    require(isinstance(model, _WRITTEN), f"one of {', '.join(each.__name__ for each in _WRITTEN)}, which Google's code "
            "has heads for", model=type(model).__name__)
    if isinstance(model, BertSentenceEmbedder):
        logging.warning("Google's format has no place for how a sentence embedder pools; only the encoder of %s is "
                        "written.", model.name)
    epsilons = {config.layer_norm_epsilon, config.head_layer_norm_epsilon}
    require(epsilons == {1e-12} and config.activation == config.head_activation,
            "an epsilon of 1e-12 everywhere and one activation, as Google's code has them",
            layer_norm_epsilon=config.layer_norm_epsilon, head_layer_norm_epsilon=config.head_layer_norm_epsilon,
            activation=config.activation, head_activation=config.head_activation)
    tensors = foreign_tensors(model, tf1_table(config, num_labels_of(model)))
    names = list(tensors)
    tf.raw_ops.SaveV2(prefix=str(folder / CHECKPOINT), tensor_names=names, shape_and_slices=[""] * len(names),
                      tensors=[tensors[name] for name in names])
    kept = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
            "hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings", "type_vocab_size",
            "initializer_range")
    values = {key: value for key, value in config_values(config, {}).items() if key in kept}
    if config.activation == "gelu_tanh":
        # Google's code knows "gelu" only, which is the tanh form there today, and ignores other keys.
        values |= {"hidden_act": "gelu", _OWN_ACTIVATION: "gelu_new"}
    if tokenizer is not None:
        tokenizer.vocabulary.save(folder / VOCABULARY_FILE)
        values["do_lower_case"] = tokenizer.lowercase
        values |= _own_tokenizer_options(tokenizer)
    (folder / CONFIG_FILE).write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _own_tokenizer_options(tokenizer: WordPieceTokenizer) -> dict[str, bool]:
    """The options that Google's tokeniser does not have, where they are not what it does, with a warning."""
    differing = {}
    if tokenizer.strip_accents not in (None, tokenizer.lowercase):
        differing["strip_accents"] = tokenizer.strip_accents
    if not tokenizer.split_cjk:
        differing["tokenize_chinese_chars"] = False
    if differing:
        logging.warning("Google's own tokeniser has no %s and gives other ids; bert_tf reads it from %s.",
                        ", ".join(f"{key}={value}" for key, value in differing.items()), CONFIG_FILE)
    return differing


def _prefix(path: pathlib.Path) -> pathlib.Path:
    """The prefix of the checkpoint that `path` means: itself, or the only or the newest one in the folder."""
    if not path.is_dir():
        return path
    names = sorted(index.name.removesuffix(".index") for index in path.glob("*.index"))
    if len(names) == 1 or CHECKPOINT in names:
        return path / (CHECKPOINT if CHECKPOINT in names else names[0])
    newest = tf.train.latest_checkpoint(str(path))
    require(newest is not None, f"one checkpoint in {path}, or the prefix of the one to load", checkpoints=names)
    return pathlib.Path(newest)


def _class_for(source: CheckpointTensors) -> type:
    """The class whose heads the checkpoint has."""
    if "output_weights" in source.shapes:
        return BertClassifier
    if "cls/squad/output_weights" in source.shapes:
        return BertSpanPredictor
    return BertPretrainer if any(name.startswith("cls/") for name in source.shapes) else BertEncoder


def _suggested_arguments(model_class: type, source: CheckpointTensors) -> dict[str, Any]:
    """Constructor arguments that the checkpoint's tensors imply for `model_class`."""
    arguments: dict[str, Any] = {}
    masked_lm, next_sentence = (head in source.shapes for head in
                                ("cls/predictions/output_bias", "cls/seq_relationship/output_bias"))
    if issubclass(model_class, BertEncoder | BertSentenceEmbedder):
        arguments["pooler"] = any(name in source.shapes for name in ("bert/pooler/dense/kernel",
                                                                     "pooler_transform/kernel"))
    elif issubclass(model_class, BertPretrainer) and (masked_lm or next_sentence):
        arguments |= {"masked_lm": masked_lm, "next_sentence": next_sentence}
    elif issubclass(model_class, BertClassifier) and "output_bias" in source.shapes:
        arguments["num_labels"] = source.shapes["output_bias"][0]
    return arguments


def _why_dropped(name: str, source: CheckpointTensors) -> str | None:
    """Why the model does not need the tensor; None if it is not known."""
    reason = source.why_dropped(name)
    known_heads = _MODEL_GARDEN_HEADS if source.is_object_graph else tuple(_HEADS.values())
    if reason is None and name.startswith(known_heads):
        return "belongs to a head that this model does not have"
    return reason


def _read_tokenizer(folder: pathlib.Path, values: Mapping[str, Any],
                    config: EncoderConfig) -> WordPieceTokenizer | None:
    """The tokeniser for `vocab.txt`; None if there is none."""
    path = folder / VOCABULARY_FILE
    if not path.is_file():
        return None
    vocabulary = Vocabulary.load(path)
    require(len(vocabulary) <= config.vocabulary_size, f"the vocabulary in {path} to have at most `vocab_size` pieces",
            pieces=len(vocabulary), vocab_size=config.vocabulary_size)
    special = {vocabulary.pieces[index] for index in vocabulary.special_ids}
    # Placeholders such as [unused0] say nothing about casing.
    is_cased = any(piece != piece.lower() for piece in vocabulary.pieces
                   if piece not in special and not piece.startswith("["))
    options = {ours: values[theirs] for theirs, ours in _OWN_TOKENIZER_OPTIONS.items() if theirs in values}
    return WordPieceTokenizer(vocabulary, lowercase=values.get("do_lower_case", not is_cased), **options)
