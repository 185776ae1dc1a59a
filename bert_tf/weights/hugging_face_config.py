"""Hugging Face's `config.json` <-> `EncoderConfig`, labels and architecture.

Keys that we have no field for travel with the model and are written back as they were. Our separate values for the
masked-LM head (`head_activation`, `head_layer_norm_epsilon`) have no place in Hugging Face's configuration: where they
differ from the encoder's they are written under extra keys, which bert_tf reads and Transformers ignores.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

from absl import logging

from bert_tf.config import EncoderConfig, require

FIELDS = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "hidden_size": "hidden_dim",
    "intermediate_size": "intermediate_dim",
    "max_position_embeddings": "max_sequence_length",
    "type_vocab_size": "num_segments",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "initializer_range": "initializer_stddev",
}
"""Keys of Google's `bert_config.json`, which Hugging Face kept -> our fields."""

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu",
               "silu": "silu"}
"""`hidden_act` -> ours. The first name of each value is not always the one written: see `_activation_name`."""

PROBLEM_TYPES = {"single_label_classification": "single_label", "multi_label_classification": "multi_label",
                 "regression": "regression"}
"""`problem_type` -> ours."""

_NOT_KEPT = ("architectures", "model_type", "torch_dtype", "dtype", "num_labels", "id2label", "label2id",
             "problem_type", "head_activation", "head_layer_norm_eps")


def encoder_config(values: Mapping[str, Any], path: pathlib.Path) -> EncoderConfig:
    """Reads the encoder's fields; absent keys have Transformers' defaults, which are BERT-base's and ours.

    Args:
        values: the content of `config.json`.
        path: where it came from; for error messages.

    Raises:
        ValueError: the configuration asks for something that BERT here cannot do, or for impossible sizes.
    """
    _refuse_other_models(values, path)
    fields = {ours: values[theirs] for theirs, ours in FIELDS.items() if values.get(theirs) is not None}
    fields["activation"] = activation_of(values.get("hidden_act", "gelu"), path)
    fields["head_activation"] = activation_of(values.get("head_activation", values.get("hidden_act", "gelu")), path)
    fields["layer_norm_epsilon"] = values.get("layer_norm_eps", 1e-12)
    fields["head_layer_norm_epsilon"] = values.get("head_layer_norm_eps", fields["layer_norm_epsilon"])
    try:
        return EncoderConfig(**fields)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def config_values(config: EncoderConfig, kept: Mapping[str, Any]) -> dict[str, Any]:
    """`config` under Hugging Face's keys, with the foreign keys that came with the model."""
    ours = config.to_dict()
    values = dict(kept) | {theirs: ours[field] for theirs, field in FIELDS.items()}
    values["model_type"] = "bert"
    values["hidden_act"] = _activation_name(config.activation, kept.get("hidden_act"))
    values["layer_norm_eps"] = config.layer_norm_epsilon
    values["dtype"] = "float32"
    values["tie_word_embeddings"] = True
    if config.head_activation != config.activation:
        values["head_activation"] = _activation_name(config.head_activation, None)
    if config.head_layer_norm_epsilon != config.layer_norm_epsilon:
        values["head_layer_norm_eps"] = config.head_layer_norm_epsilon
    return values


def warn_if_head_differs(config: EncoderConfig, path: pathlib.Path) -> None:
    """Says that Transformers will not see the masked-LM head's own activation and epsilon."""
    if (config.head_activation, config.head_layer_norm_epsilon) != (config.activation, config.layer_norm_epsilon):
        logging.warning("%s: the masked-LM head uses %s and epsilon %g, the encoder %s and %g. Transformers has one "
                        "value for both and will use the encoder's.", path, config.head_activation,
                        config.head_layer_norm_epsilon, config.activation, config.layer_norm_epsilon)


def kept_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `config.json` that are written back as they came, unless a field of ours overrides them."""
    return {key: value for key, value in values.items() if key not in _NOT_KEPT}


def activation_of(name: str, path: pathlib.Path) -> str:
    """Our name of the activation that Hugging Face and Google call `name`."""
    is_known = isinstance(name, str) and name in ACTIVATIONS
    require(is_known, f"`hidden_act` in {path} to be one of {', '.join(ACTIVATIONS)}", hidden_act=name)
    return ACTIVATIONS[name]


def labels_of(values: Mapping[str, Any], path: pathlib.Path) -> list[str]:
    """The label names in the order of their ids; LABEL_0, LABEL_1 ... where the configuration has only a number."""
    names = values.get("id2label")
    if not names:
        number = values.get("num_labels") or 2
        require(isinstance(number, int) and number >= 1, f"`num_labels` in {path} to be a whole number >= 1",
                num_labels=number)
        return [f"LABEL_{index}" for index in range(number)]
    try:
        by_id = {int(index): str(name) for index, name in names.items()}
        return [by_id[index] for index in range(len(by_id))]
    except (AttributeError, KeyError, ValueError):
        raise ValueError(f"Expected `id2label` in {path} to map the ids 0, 1, 2 ... to names. "
                         f"Received: {names!r}.") from None


def architectures_of(values: Mapping[str, Any], path: pathlib.Path) -> list[str]:
    """The names of Transformers' classes; none where the configuration has none."""
    names = values.get("architectures") or []
    require(isinstance(names, list) and all(isinstance(name, str) for name in names),
            f"`architectures` in {path} to be a list of names", architectures=names)
    return names


def classifier_dropout_of(values: Mapping[str, Any], path: pathlib.Path) -> float | None:
    """The rate before a classifier's dense layer; None where it is that of the encoder."""
    rate = values.get("classifier_dropout")
    is_rate = isinstance(rate, int | float) and not isinstance(rate, bool) and 0 <= rate < 1
    require(rate is None or is_rate, f"`classifier_dropout` in {path} to be a number in [0, 1), or null",
            classifier_dropout=rate)
    return rate


def label_values(labels: list[str]) -> dict[str, Any]:
    """`id2label` and `label2id`."""
    return {"id2label": {str(index): label for index, label in enumerate(labels)},
            "label2id": {label: index for index, label in enumerate(labels)}}


def problem_type_of(values: Mapping[str, Any], num_labels: int, path: pathlib.Path) -> str:
    """Our problem type; where the configuration has none, one label means regression, as in Transformers."""
    name = values.get("problem_type")
    if name is None:
        return "regression" if num_labels == 1 else "single_label"
    require(name in PROBLEM_TYPES, f"`problem_type` in {path} to be one of {', '.join(PROBLEM_TYPES)}",
            problem_type=name)
    return PROBLEM_TYPES[name]


def problem_type_name(problem_type: str) -> str:
    """The inverse of `problem_type_of`."""
    return {ours: theirs for theirs, ours in PROBLEM_TYPES.items()}[problem_type]


def _activation_name(activation: str, original: str | None) -> str:
    """Hugging Face's name; `original`, the name the model came with, if it still means the same."""
    if original is not None and ACTIVATIONS.get(original) == activation:
        return original
    return "gelu_pytorch_tanh" if activation == "gelu_tanh" else activation


def _refuse_other_models(values: Mapping[str, Any], path: pathlib.Path) -> None:
    """Raises for what shares BERT's file format and is computed differently."""
    require(values.get("model_type", "bert") == "bert", f"`model_type` in {path} to be bert",
            model_type=values.get("model_type"))
    require(values.get("position_embedding_type") in (None, "absolute"),
            f"`position_embedding_type` in {path} to be absolute",
            position_embedding_type=values.get("position_embedding_type"))
    for key in ("is_decoder", "add_cross_attention"):
        require(not values.get(key), f"`{key}` in {path} to be false: only encoders are supported",
                **{key: values.get(key)})
    size = values.get("embedding_size")
    require(size in (None, values.get("hidden_size")), f"`embedding_size` in {path} to equal `hidden_size`",
            embedding_size=size, hidden_size=values.get("hidden_size"))
