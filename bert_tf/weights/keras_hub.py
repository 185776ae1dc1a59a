"""KerasHub's `BertBackbone`, `BertMaskedLM` and `BertTextClassifier` <-> our models.

KerasHub fixes what is a setting here: the encoder computes the tanh form of GELU with epsilon 1e-12, the masked-LM head
the exact form with epsilon 1e-5, and there is one dropout rate. Attention kernels are split by heads.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from absl import logging

from bert_tf.config import EncoderConfig, read_json, require
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import Vocabulary
from bert_tf.weights.rows import attention_by_head_rows, dense_rows, embedding_rows, norm_rows
from bert_tf.weights.transfer import (
    ArraySource,
    Row,
    Transfer,
    foreign_tensors,
    hide_other_classifier,
    num_labels_of,
    read_into,
    variables_by_path,
    zeros_for_random_values,
)

if TYPE_CHECKING:
    import keras_hub

NUMERICS = {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12, "head_activation": "gelu",
            "head_layer_norm_epsilon": 1e-5, "initializer_stddev": 0.02}
"""What KerasHub's BERT computes, whatever its configuration says."""

_OUR_HEADS = ("pooler/", "masked_lm_head/", "next_sentence_head/", "classifier/", "span_head/")
_THEIR_HEADS = ("pooled_dense/", "mlm_head/", "logits/")


def recognises(path: pathlib.Path) -> bool:
    """Whether `path` is a KerasHub preset folder."""
    config = path / "config.json"
    return config.is_file() and (path / "metadata.json").is_file() and "registered_name" in read_json(config)


def table(config: EncoderConfig, num_labels: int = 2) -> list[Row]:
    """The rows of an encoder of this configuration and of the heads that KerasHub has."""
    hidden, inner = config.hidden_dim, config.intermediate_dim
    rows = [
        *embedding_rows(config, "token_embedding/embeddings", "position_embedding/embeddings",
                        "segment_embedding/embeddings"),
        *norm_rows("embeddings/norm", "embeddings_layer_norm", hidden),
    ]
    for index in range(config.num_layers):
        ours, theirs = f"block_{index}", f"transformer_layer_{index}"
        rows += [
            *attention_by_head_rows(f"{ours}/attention", f"{theirs}/self_attention_layer", config),
            *norm_rows(f"{ours}/attention_norm", f"{theirs}/self_attention_layer_norm", hidden),
            *dense_rows(f"{ours}/feed_forward/expand", f"{theirs}/feedforward_intermediate_dense", hidden, inner),
            *dense_rows(f"{ours}/feed_forward/contract", f"{theirs}/feedforward_output_dense", inner, hidden),
            *norm_rows(f"{ours}/output_norm", f"{theirs}/feedforward_layer_norm", hidden),
        ]
    return rows + [
        *dense_rows("pooler/projection", "pooled_dense", hidden, hidden),
        *dense_rows("masked_lm_head/projection", "mlm_head/intermediate_dense", hidden, hidden),
        *norm_rows("masked_lm_head/norm", "mlm_head/intermediate_layer_norm", hidden),
        Row("masked_lm_head/bias", ("mlm_head/output_bias",), (config.vocabulary_size,)),
        *dense_rows("classifier", "logits", hidden, num_labels),
        # KerasHub has no such heads; these names exist nowhere.
        *dense_rows("next_sentence_head", "next_sentence", hidden, 2),
        *dense_rows("span_head", "span", hidden, 2),
    ]


def read_model(path: pathlib.Path, model_class: type | None = None, arguments: Mapping[str, Any] | None = None,
               compose: Callable[[type], type] = lambda plain: plain) -> tuple[keras.Model, Transfer]:
    """Our model with the weights of a preset folder; see `from_keras_hub`."""
    import keras_hub

    model, transfer = from_keras_hub(open_preset(path), model_class, arguments, compose, place=str(path))
    if model.tokenizer is None and (path / "assets/tokenizer/vocabulary.txt").is_file():
        model.tokenizer = _tokenizer_of(keras_hub.models.BertTokenizer.from_preset(str(path)))
    return model, transfer


def open_preset(path: pathlib.Path) -> keras.Model:
    """The KerasHub object in a preset folder: the task that was saved, or the backbone."""
    import keras_hub

    tasks = {"keras_hub>BertMaskedLM": keras_hub.models.BertMaskedLM,
             "keras_hub>BertTextClassifier": keras_hub.models.BertTextClassifier}
    task_path = path / "task.json"
    task = tasks.get(read_json(task_path).get("registered_name")) if task_path.is_file() else None
    name = read_json(path / "config.json").get("registered_name")
    require(name == "keras_hub>BertBackbone", f"a BertBackbone in {path / 'config.json'}", registered_name=name)
    try:
        return (task or keras_hub.models.BertBackbone).from_preset(str(path))
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"Expected a KerasHub preset in {path}. Received: {error}") from error


def from_keras_hub(source: "keras_hub.models.BertBackbone", model_class: type | None = None,
                   arguments: Mapping[str, Any] | None = None,
                   compose: Callable[[type], type] = lambda plain: plain,
                   place: str = "the KerasHub model") -> tuple[keras.Model, Transfer]:
    """Our model with the weights of a KerasHub object; `model.tokenizer` is its tokeniser, or None without one.

    Args:
        source: a `BertBackbone`, `BertMaskedLM` or `BertTextClassifier`.
        model_class: one of our classes; None for the one that matches. With another one, weights that the source lacks
            are drawn anew.
        arguments: for the class's constructor.
        compose: maps the class chosen here to the one that is built.
        place: where the source comes from; for error messages.

    Raises:
        ValueError: another class, or weights that do not fit.
    """
    plain, suggested = _class_for(source)
    anew = model_class is not None
    model_class = compose(plain) if model_class is None else model_class
    if not issubclass(model_class, plain):
        suggested = {}
    if arguments and "labels" in arguments:
        suggested.pop("num_labels", None)
    config = _config_of(getattr(source, "backbone", source))
    with zeros_for_random_values():
        model = model_class(config, **_complete(model_class, suggested) | dict(arguments or {}))
    tensors = ArraySource({variable.path: variable for variable in source.weights}, place)
    rows = table(config, num_labels_of(model))
    if anew:
        hide_other_classifier(tensors, rows)
    transfer = read_into(
        model, rows, tensors,
        why_dropped=lambda name: ("belongs to a head that this model does not have" if name.startswith(_THEIR_HEADS)
                                  else None),
        may_be_new=lambda row: anew and row.target.startswith(_OUR_HEADS),
        initializer_stddev=config.initializer_stddev)
    preprocessor = getattr(source, "preprocessor", None)
    model.tokenizer = None if preprocessor is None else _tokenizer_of(preprocessor.tokenizer)
    return model, transfer


def to_keras_hub(model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 allow_approximate: bool = False) -> "keras.Model":
    """The KerasHub object with the weights of `model`.

    Args:
        model: a `BertEncoder` (-> `BertBackbone`), a `BertPretrainer` (-> `BertMaskedLM`; KerasHub has no
            next-sentence head, a warning says that it is left out), or a `BertClassifier` (-> `BertTextClassifier`).
        tokenizer: for the preprocessor of a task; None for `model.tokenizer`.
        allow_approximate: accept other numerics than the model's; `difference` measures how far off they are.

    Raises:
        ValueError: KerasHub cannot hold the model: another class, a head without a place, or other numerics.
    """
    import keras_hub

    tokenizer = getattr(model, "tokenizer", None) if tokenizer is None else tokenizer
    differing = numerics_that_differ(model)
    require(allow_approximate or not differing, "numerics that KerasHub's BERT has "
            f"({', '.join(f'{name}={NUMERICS.get(name)}' for name in differing)}), or `allow_approximate`", **differing)
    config = model.config
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=config.vocabulary_size, num_layers=config.num_layers, num_heads=config.num_heads,
        hidden_dim=config.hidden_dim, intermediate_dim=config.intermediate_dim, dropout=config.dropout,
        max_sequence_length=config.max_sequence_length, num_segments=config.num_segments)
    target = _task_for(model, backbone, tokenizer)
    tensors = foreign_tensors(model, table(config, num_labels_of(model)), left_out=("next_sentence_head/",))
    variables = {variable.path: variable for variable in target.weights}
    if isinstance(model, BertPretrainer) and model.next_sentence_head is not None:
        logging.warning("KerasHub has no next-sentence head; that of %s is left out.", model.name)
    if "pooled_dense/kernel" not in tensors:
        logging.warning("KerasHub's backbone has a pooler, %s has none; it stays random.", model.name)
        for path in ("pooled_dense/kernel", "pooled_dense/bias"):
            variables.pop(path)
    without_place = sorted(set(tensors) - set(variables))
    require(not without_place, f"a model whose weights all have a place in KerasHub's {type(target).__name__}",
            without_place=without_place)
    require(set(variables) == set(tensors), "a weight for every variable of KerasHub's model",
            missing=sorted(set(variables) - set(tensors)))
    for path, variable in variables.items():
        variable.assign(tensors[path])
    return target


def write_files(model: keras.Model, folder: pathlib.Path, tokenizer: WordPieceTokenizer | None, *,
                allow_approximate: bool = False) -> float:
    """Writes a preset folder that `from_preset` opens; returns `difference`, the largest in the sequence output."""
    tokenizer = getattr(model, "tokenizer", None) if tokenizer is None else tokenizer
    target = to_keras_hub(model, tokenizer, allow_approximate=allow_approximate)
    if tokenizer is not None and not tokenizer.split_cjk:
        logging.warning("KerasHub's presets do not keep split_on_cjk=False: opened again, this one splits ideographs.")
    if tokenizer is not None and tokenizer.lowercase and tokenizer.strip_accents is False:
        logging.warning("KerasHub keeps accents in this preset as it should; bert_tf, opening it, takes it for one of "
                        "those that were trained without them.")
    target.save_to_preset(str(folder))
    if tokenizer is not None and getattr(target, "preprocessor", None) is None:
        _keras_hub_tokenizer(tokenizer).save_to_preset(str(folder))
    return difference(model, target)


def numerics_that_differ(model: keras.Model) -> dict[str, Any]:
    """The fields of the model's configuration that KerasHub cannot hold, with their values."""
    values = model.config.to_dict()
    names = ["activation", "layer_norm_epsilon"]
    if "masked_lm_head/bias" in variables_by_path(model):
        names += ["head_activation", "head_layer_norm_epsilon"]
    differing = {name: values[name] for name in names if values[name] != NUMERICS[name]}
    if model.config.attention_dropout != model.config.dropout:
        differing["attention_dropout"] = model.config.attention_dropout
    return differing


def difference(model: keras.Model, target: keras.Model, inputs: Mapping[str, np.ndarray] | None = None) -> float:
    """The largest absolute difference of any output that both models have.

    Args:
        model: one of ours.
        target: its counterpart in KerasHub.
        inputs: what to compare on; None for a fixed batch of random ids.
    """
    config = model.config
    if inputs is None:
        shape = (4, min(32, config.max_sequence_length))
        token_ids = np.random.default_rng(0).integers(config.vocabulary_size, size=shape).astype("int32")
        inputs = {"token_ids": token_ids, "segment_ids": np.zeros(shape, "int32"),
                  "padding_mask": np.ones(shape, "int32")}
    backbone = getattr(target, "backbone", target)
    theirs = backbone(inputs)["sequence_output"]
    ours = getattr(model, "encoder", model)(inputs)["sequence_output"]
    pairs = [(ours, theirs)]
    if isinstance(model, BertClassifier):
        pairs.append((model(inputs)["logits"], target(inputs)))
    elif backbone is not target:
        positions = np.tile(np.arange(4, dtype="int32"), (len(inputs["token_ids"]), 1))
        pairs.append((model(inputs | {"masked_positions": positions})["masked_lm"],
                      target(inputs | {"mask_positions": positions})))
    return max(float(np.max(np.abs(keras.ops.convert_to_numpy(first) - keras.ops.convert_to_numpy(second))))
               for first, second in pairs)


def _class_for(source: keras.Model) -> tuple[type, dict[str, Any]]:
    """Our class for a KerasHub object, and its arguments."""
    import keras_hub

    if isinstance(source, keras_hub.models.BertMaskedLM):
        return BertPretrainer, {"masked_lm": True, "next_sentence": False}
    if isinstance(source, keras_hub.models.BertTextClassifier):
        return BertClassifier, {"num_labels": source.num_classes, "dropout": source.dropout}
    require(isinstance(source, keras_hub.models.BertBackbone), "a BertBackbone, BertMaskedLM or BertTextClassifier",
            source=type(source).__name__)
    return BertEncoder, {}


def _complete(model_class: type, suggested: dict[str, Any]) -> dict[str, Any]:
    """`suggested`; every backbone has a pooler, so models that may keep one do."""
    return suggested | ({"pooler": True} if issubclass(model_class, BertEncoder | BertSentenceEmbedder) else {})


def _config_of(backbone: "keras_hub.models.BertBackbone") -> EncoderConfig:
    """The backbone's configuration and the numerics it does not mention."""
    return EncoderConfig(
        vocabulary_size=backbone.vocabulary_size, num_layers=backbone.num_layers, num_heads=backbone.num_heads,
        hidden_dim=backbone.hidden_dim, intermediate_dim=backbone.intermediate_dim, dropout=backbone.dropout,
        attention_dropout=backbone.dropout, max_sequence_length=backbone.max_sequence_length,
        num_segments=backbone.num_segments, **NUMERICS)


def _task_for(model: keras.Model, backbone: "keras_hub.models.BertBackbone",
              tokenizer: WordPieceTokenizer | None) -> keras.Model:
    """A KerasHub object with the heads of `model` over `backbone`."""
    import keras_hub

    models = keras_hub.models
    length = min(512, model.config.max_sequence_length)
    theirs = None if tokenizer is None else _keras_hub_tokenizer(tokenizer)
    if isinstance(model, BertClassifier):
        dropout = model.config.dropout if model.dropout is None else model.dropout
        preprocessor = theirs and models.BertTextClassifierPreprocessor(theirs, sequence_length=length)
        return models.BertTextClassifier(backbone, num_classes=len(model.labels), dropout=dropout,
                                         preprocessor=preprocessor)
    if isinstance(model, BertPretrainer):
        if model.masked_lm_head is None:
            return backbone
        preprocessor = theirs and models.BertMaskedLMPreprocessor(theirs, sequence_length=length)
        return models.BertMaskedLM(backbone, preprocessor=preprocessor)
    if isinstance(model, BertSentenceEmbedder):
        logging.warning("KerasHub has no sentence embedder: how %s pools is left out.", model.name)
    require(isinstance(model, BertEncoder | BertSentenceEmbedder),
            "a BertEncoder, BertSentenceEmbedder, BertPretrainer or BertClassifier", model=type(model).__name__)
    return backbone


def _tokenizer_of(theirs: "keras_hub.models.BertTokenizer") -> WordPieceTokenizer:
    """Our tokeniser with the same vocabulary and casing.

    KerasHub's keeps accents in lower-cased text, because its option to strip them is off in every preset; the published
    models were trained without them, so here lower-casing strips them.
    """
    vocabulary = Vocabulary(list(theirs.vocabulary), source="the KerasHub tokenizer")
    return WordPieceTokenizer(vocabulary, lowercase=theirs.lowercase, split_cjk=theirs.split_on_cjk,
                              strip_accents=True if theirs.strip_accents and not theirs.lowercase else None)


def _keras_hub_tokenizer(tokenizer: WordPieceTokenizer) -> "keras_hub.models.BertTokenizer":
    """KerasHub's tokeniser with the same vocabulary and options."""
    import keras_hub

    return keras_hub.models.BertTokenizer(
        vocabulary=list(tokenizer.vocabulary.pieces), lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.strips_accents, split_on_cjk=tokenizer.split_cjk)
