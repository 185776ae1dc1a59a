"""Compares a loaded model with what the source's own library computes from the same files."""

import importlib.util
import pathlib

import keras
import numpy as np
import tensorflow as tf

from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.text.packing import pack
from bert_tf.weights import keras_hub
from bert_tf.weights.hugging_face_folder import architecture_of
from bert_tf.weights.sentence_transformers import is_sentence_transformer
from bert_tf.workflows.pytorch_process import pytorch_outputs

SENTENCES = ("The ferry leaves at half past six.", "Über dem Fluß stand der Mond.", "猫が屋根の上で眠っている。",
             "Prices rose by 3.5% in March, the bank said.")

_OUTPUTS = {"masked_lm": ("prediction_logits", "logits"), "next_sentence": ("seq_relationship_logits", "logits"),
            "logits": ("logits",), "start_logits": ("start_logits",), "end_logits": ("end_logits",),
            "sequence_output": ("last_hidden_state",), "pooled_output": ("pooler_output",)}
"""Our outputs -> names that Transformers' classes give the same numbers."""


def verify(model: keras.Model, path: pathlib.Path, source_format: str) -> str:
    """The largest difference to the source's own library on a few sentences, or why there was no comparison."""
    if source_format == "google":
        return "not: google-research/bert runs under TensorFlow 1 only"
    if source_format == "keras_hub":
        source = keras_hub.open_preset(path)
        inputs = _inputs(model)
        difference = keras_hub.difference(model, source, inputs)
        return f"with KerasHub: largest difference {difference:.1e}"
    library = "sentence_transformers" if is_sentence_transformer(path) else "transformers"
    for name in (library, "torch"):
        if importlib.util.find_spec(name) is None:
            return f"not: {name} is not installed"
    difference = _against_sentence_transformers(model, path) if library == "sentence_transformers" else (
        _against_transformers(model, path))
    return f"with {library}: largest difference {difference:.1e}"


def _inputs(model: keras.Model) -> dict[str, np.ndarray]:
    """The sentences as features; random ids for a model without tokeniser."""
    length = min(64, model.config.max_sequence_length)
    if model.tokenizer is None:
        shape = (len(SENTENCES), length)
        token_ids = np.random.default_rng(0).integers(model.config.vocabulary_size, size=shape).astype("int32")
        return {"token_ids": token_ids, "segment_ids": np.zeros(shape, "int32"),
                "padding_mask": np.ones(shape, "int32")}
    vocabulary = model.tokenizer.vocabulary
    features = pack(model.tokenizer.tokenize(tf.constant(SENTENCES)), cls_id=vocabulary.cls_id,
                    sep_id=vocabulary.sep_id, pad_id=vocabulary.pad_id, max_length=length, length_multiple=1)
    return {name: value.numpy() for name, value in features.items()}


def _against_transformers(model: keras.Model, path: pathlib.Path) -> float:
    """The largest difference in any output, padding left out of account where outputs are per token."""
    inputs = _inputs(model)
    if isinstance(model, BertMultipleChoice):
        inputs = {name: value[np.newaxis] for name, value in inputs.items()}
    expected = pytorch_outputs("transformers", path, architecture_of(model), inputs)
    batch, length = inputs["token_ids"].shape[0], inputs["token_ids"].shape[-1]
    positions = np.tile(np.arange(length, dtype="int32"), (batch, 1))
    differences = []
    for name, value in model(inputs | {"masked_positions": positions}).items():
        reference = next(expected[key] for key in _OUTPUTS[name] if key in expected)
        difference = np.abs(keras.ops.convert_to_numpy(value) - reference)
        if name in ("masked_lm", "start_logits", "end_logits", "sequence_output"):
            difference = difference[inputs["padding_mask"] == 1]
        differences.append(float(difference.max()))
    return max(differences)


def _against_sentence_transformers(model: BertSentenceEmbedder, path: pathlib.Path) -> float:
    """The largest difference in the embeddings."""
    expected = pytorch_outputs("sentence_transformers", path, "", {"sentences": np.array(SENTENCES)})["embedding"]
    return float(np.abs(keras.ops.convert_to_numpy(model(_inputs(model))["embedding"]) - expected).max())
