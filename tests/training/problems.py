"""A tiny pre-training problem for the tests of training."""

import numpy as np
import tensorflow as tf

import bert_tf
from bert_tf.config import EncoderConfig
from bert_tf.data.streams import ending_at_once
from bert_tf.training.optimizer import AdamW

ROWS, SEQ, MASKED, VOCABULARY = 8, 12, 3, 40


def tiny_model(dropout=0.0, learning_rate=1e-2, dtype=None, optimizer=None, num_layers=2, **compile_options):
    config = EncoderConfig(vocabulary_size=VOCABULARY, num_layers=num_layers, num_heads=2, hidden_dim=16,
                           intermediate_dim=32, max_sequence_length=SEQ, dropout=dropout, attention_dropout=dropout)
    model = bert_tf.BertPretrainer(config, dtype=dtype)
    model.compile(optimizer or AdamW(learning_rate), **compile_options)
    return model


def batch(seed=0, rows=ROWS):
    """A batch whose rows have very different numbers of masked tokens."""
    rng = np.random.default_rng(seed)
    positions = rng.permuted(np.tile(np.arange(SEQ), (rows, 1)), axis=1)[:, :MASKED]
    inputs = {
        "token_ids": rng.integers(5, VOCABULARY, (rows, SEQ)).astype("int32"),
        "segment_ids": np.repeat([[0] * 6 + [1] * 6], rows, 0).astype("int32"),
        "padding_mask": np.ones((rows, SEQ), "int32"),
        "masked_positions": np.sort(positions).astype("int32"),
    }
    labels = {"masked_lm": rng.integers(5, VOCABULARY, (rows, MASKED)).astype("int32"),
              "next_sentence": rng.integers(0, 2, rows).astype("int32")}
    used = np.arange(MASKED) < np.where(np.arange(rows) < rows // 2, MASKED, 1)[:, None]
    weights = {"masked_lm": used.astype("float32"), "next_sentence": np.ones(rows, "float32")}
    return inputs, labels, weights


def endless_batches(first=0):
    """Batch number i is `batch(i)`; ends at once, as those of the pipelines do."""
    example = batch()
    signature = tf.nest.map_structure(lambda array: tf.TensorSpec(array.shape, array.dtype), example)

    def generate():
        number = first
        while True:
            yield batch(number)
            number += 1

    return ending_at_once(tf.data.Dataset.from_generator(generate, output_signature=signature))
