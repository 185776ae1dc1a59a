"""The encoder of TF Hub's text API: packed ids -> vectors; it can be trained further."""

import os
import pathlib
import tempfile

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.layers.positions import take_positions
from bert_tf.models.encoder import BertEncoder
from bert_tf.text.tokenizer import WordPieceTokenizer

_NAMES = {"input_word_ids": "token_ids", "input_type_ids": "segment_ids", "input_mask": "padding_mask"}


def save_encoder(model: keras.Model, tokenizer: WordPieceTokenizer, folder: str | os.PathLike) -> None:
    """Writes a SavedModel that `hub.load`, `hub.KerasLayer(trainable=True)` and `tf.saved_model.load` open.

    Called with a dict of `input_word_ids`, `input_mask` and `input_type_ids`, int32 `(batch, seq)`, and
    `training=False` or `True`, it gives, all float32:

    - `pooled_output` and, the same tensor, `default`: `(batch, hidden)`,
    - `sequence_output`: `(batch, seq, hidden)`,
    - `encoder_outputs`: a list with `(batch, seq, hidden)` of every layer; the last is the sequence output.

    A model with a masked-LM head has `mlm`, called with `masked_lm_positions`, int32 `(batch, masked)`, as well; it
    also gives `mlm_logits`, `(batch, masked, vocabulary)`. `vocab_file` and `do_lower_case` describe the tokeniser.

    Args:
        model: any model with an encoder with a pooler, or the encoder itself.
        tokenizer: what `token_ids` come from.
        folder: an empty one, or none yet.

    Raises:
        ValueError: there is no pooler.
    """
    encoder = model if isinstance(model, BertEncoder) else model.encoder
    require(encoder.pooler is not None, "a model with a pooler, which gives `pooled_output` in TF Hub's text API",
            model=type(model).__name__, pooler=None)
    layers = keras.Model(encoder.input, encoder.output | {"encoder_outputs": [
        keras.tree.flatten(block.output)[0] for block in encoder.blocks]})

    def encode(inputs, training):
        outputs = layers({ours: inputs[theirs] for theirs, ours in _NAMES.items()}, training=training)
        outputs = tf.nest.map_structure(lambda value: tf.cast(value, tf.float32), outputs)
        return {name: outputs[name] for name in ("pooled_output", "sequence_output", "encoder_outputs")} | {
            "default": outputs["pooled_output"]}

    def encode_and_predict(inputs, training):
        outputs, positions = encode(inputs, training), inputs["masked_lm_positions"]
        masked = take_positions(outputs["sequence_output"], positions)
        decoded = encoder.token_embedding(model.masked_lm_head(masked), reverse=True)
        return outputs | {"mlm_logits": model.masked_lm_head(masked, decoded=decoded)}

    with tempfile.TemporaryDirectory() as temporary:
        vocabulary_file = pathlib.Path(temporary, "vocab.txt")
        tokenizer.vocabulary.save(vocabulary_file)
        module = _callable_object(encode, tuple(_NAMES), encoder)
        module.vocab_file = tf.saved_model.Asset(str(vocabulary_file))
        module.do_lower_case = tf.Variable(tokenizer.lowercase, trainable=False)
        if getattr(model, "masked_lm_head", None) is not None:
            module.mlm = _callable_object(encode_and_predict, (*_NAMES, "masked_lm_positions"), model)
        tf.saved_model.save(module, os.fspath(folder), signatures={"serving_default": _signature(encode)})


def _callable_object(function, inputs: tuple[str, ...], model: keras.Model) -> tf.train.Checkpoint:
    """An object that is called with a dict of `inputs`, with the attributes of a reusable SavedModel."""
    @tf.function(autograph=False)
    def call(inputs, training=False):
        return function(inputs, training)

    specs = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in inputs}
    for training in (False, True):
        call.get_concrete_function(specs, training=training)
    result = tf.train.Checkpoint()
    result.__call__ = call
    # TensorFlow's own variables: Keras' wrappers are not found by loaders without Python.
    result.variables = [variable.value for variable in model.variables]
    result.trainable_variables = [variable.value for variable in model.trainable_variables]
    result.regularization_losses = []
    return result


def _signature(encode) -> tf.types.experimental.PolymorphicFunction:
    specs = [tf.TensorSpec([None, None], tf.int32, name=name) for name in _NAMES]

    @tf.function(input_signature=specs, autograph=False)
    def serve(input_word_ids, input_type_ids, input_mask):
        outputs = encode({"input_word_ids": input_word_ids, "input_type_ids": input_type_ids,
                          "input_mask": input_mask}, training=False)
        return {name: outputs[name] for name in ("default", "pooled_output", "sequence_output")}

    return serve
