"""A tiny model with random weights for each head, and what it can be fed with."""

import keras
import numpy as np
import tensorflow as tf

from bert_tf.config import EncoderConfig
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.heads import endpoint_for
from bert_tf.models.classifier import BertClassifier
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.text.tokenizer import WordPieceTokenizer
from tests.export import texts

_MAKE = {
    "fill_mask": lambda *shape: BertPretrainer(*shape, next_sentence=False),
    "pretraining": BertPretrainer,
    "next_sentence": lambda *shape: BertPretrainer(*shape, masked_lm=False),
    "classification": lambda *shape: BertClassifier(*shape, labels=["bad", "fair", "good"]),
    "several_labels": lambda *shape: BertClassifier(*shape, labels=["red", "green", "blue"],
                                                    problem_type="multi_label"),
    "regression": lambda *shape: BertClassifier(*shape, labels=["similarity"], problem_type="regression"),
    "tagging": lambda *shape: BertTokenClassifier(*shape, labels=["O", "B-person", "I-person", "B-place", "I-place"]),
    "question_answering": BertSpanPredictor,
    "multiple_choice": BertMultipleChoice,
    "embedding": lambda *shape: BertSentenceEmbedder(*shape, normalize=True),
}
HEADS = tuple(_MAKE)


def model(head: str) -> keras.Model:
    """The model of `head` with its tokeniser; large weights, so that answers differ clearly."""
    keras.utils.set_random_seed(HEADS.index(head))
    pieces = texts.vocabulary()
    config = EncoderConfig(vocabulary_size=len(pieces) + 3, num_layers=1, num_heads=2, hidden_dim=8,
                           intermediate_dim=16, max_sequence_length=40, initializer_stddev=0.5)
    made = _MAKE[head](config)
    made.tokenizer = WordPieceTokenizer(pieces)
    return made


def endpoint(head: str) -> Endpoint:
    """The endpoint of `model(head)`."""
    return endpoint_for(model(head))


def features(model: keras.Model, rows: int = 3, seq: int = 7) -> dict[str, tf.Tensor]:
    """Random ids; the last row is half padding."""
    random = np.random.default_rng(0)
    values = {"token_ids": random.integers(0, model.config.vocabulary_size, (rows, seq)),
              "segment_ids": random.integers(0, 2, (rows, seq)), "padding_mask": np.ones((rows, seq)),
              "masked_positions": random.integers(0, seq, (rows, 2))}
    values["padding_mask"][-1, seq // 2:] = 0
    return {name: tf.constant(value, tf.int32) for name, value in values.items() if name in model.input}
