"""Writes an endpoint as a SavedModel that TensorFlow Serving, or any TensorFlow, runs."""

import copy
import os
from collections.abc import Mapping

import keras
import tensorflow as tf

from bert_tf.endpoints.classification import Classifier
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.fill_mask import FillMask, blank_positions
from bert_tf.endpoints.next_sentence import NextSentence
from bert_tf.export.frozen import FrozenModel
from bert_tf.export.parallel import ParallelModel
from bert_tf.features import ENCODER_INPUTS

Model = keras.Model | ParallelModel | FrozenModel

DEFAULT_SIGNATURE = "serving_default"
IDS_SIGNATURE = "from_ids"


def save_endpoint(endpoint: Endpoint, folder: str | os.PathLike, *, pairs: bool = False, freeze: bool = False,
                  tensor_parallel: int = 1) -> None:
    """Writes a SavedModel that takes strings (`serving_default`) and packed ids (`from_ids`).

    Two heads have a third signature: a classifier takes single texts and pairs, one of them as `serving_default` and
    the other as `text` or `pair`; pre-training has `next_sentence` for pairs. All signatures share one set of weights.

    Args:
        endpoint: model and tokeniser.
        folder: an empty one, or none yet.
        pairs: `serving_default` of a classifier takes `text` and `second_text`.
        freeze: the weights become constants, see `frozen.FrozenModel`; at most 2 GB. Up to twice as fast in bfloat16,
            not faster in float32; loading takes several times the time and memory.
        tensor_parallel: in how many parts, side by side, encoder blocks compute, see `parallel.ParallelModel`.
    """
    computing = ParallelModel(endpoint.model, tensor_parallel) if tensor_parallel > 1 else endpoint.model
    model = FrozenModel(computing) if freeze else computing
    signatures = _text_signatures(endpoint, model, pairs)
    signatures[IDS_SIGNATURE] = _ids_function(model, endpoint.tokenizer.vocabulary.mask_id).get_concrete_function()
    module = tf.Module(name="served")
    # What a function captures has to be tracked; Keras' own variables are wrapped, and the loaders of C and C++ would
    # not find what is inside. The tokeniser's tables are plain constants.
    if not freeze:
        module.variables_of_model = (computing.saved_variables() if tensor_parallel > 1
                                     else [variable.value for variable in model.variables])
    tf.saved_model.save(module, os.fspath(folder), signatures=signatures)


def load_signatures(folder: str | os.PathLike) -> Mapping[str, tf.types.experimental.ConcreteFunction]:
    """The signatures of a SavedModel, to be called with tensors by name."""
    import tensorflow_text  # noqa: F401 - registers the kernels that the graph names

    loaded = tf.saved_model.load(os.fspath(folder))
    signatures = dict(loaded.signatures)
    for function in signatures.values():
        function.loaded = loaded  # a signature alone does not keep the variables alive
    return signatures


def _text_signatures(endpoint: Endpoint, model: Model,
                     pairs: bool) -> dict[str, tf.types.experimental.Callable]:
    saved = _calling(model, endpoint)
    if isinstance(endpoint, Classifier):
        names = ("text", DEFAULT_SIGNATURE) if pairs else (DEFAULT_SIGNATURE, "pair")
        functions = dict(zip(names, (saved.answer, saved.answer_pair), strict=True))
    else:
        functions = {DEFAULT_SIGNATURE: saved.answer}
    # Concrete functions outlive the endpoints.
    signatures = {name: function.get_concrete_function() for name, function in functions.items()}
    if isinstance(endpoint, FillMask) and model.next_sentence_head is not None:
        # With the same tokeniser: [MASK] is the token there, too.
        second = _calling(model, NextSentence(endpoint.model, endpoint.tokenizer, max_length=endpoint.max_length))
        signatures["next_sentence"] = second.answer.get_concrete_function()
    return signatures


def _calling(model: Model, endpoint: Endpoint) -> Endpoint:
    """The endpoint with this model in place of its own."""
    endpoint = copy.copy(endpoint)
    endpoint.model = model
    return endpoint


def _ids_function(model: Model, mask_id: int) -> tf.types.experimental.PolymorphicFunction:
    """From `ENCODER_INPUTS` to what the model gives; masked-LM logits at every [MASK]."""
    shape = [None] * len(model.input["token_ids"].shape)  # (batch, seq) or (batch, choices, seq)
    specs = [tf.TensorSpec(shape, tf.int32, name=name) for name in ENCODER_INPUTS]

    @tf.function(input_signature=specs, autograph=False)
    def from_ids(token_ids, segment_ids, padding_mask):
        features = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}
        if "masked_positions" in model.input:
            features["masked_positions"] = blank_positions(token_ids, mask_id).to_tensor()
        return dict(model(features, training=False))

    return from_ids
