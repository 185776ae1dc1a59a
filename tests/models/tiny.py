"""A tiny configuration and batch that the tests of models share."""

import numpy as np

from bert_tf.config import EncoderConfig

CONFIG = EncoderConfig(vocabulary_size=12, num_layers=2, num_heads=2, hidden_dim=4, intermediate_dim=6,
                       max_sequence_length=7, dropout=0.0, attention_dropout=0.0)
INPUTS = {
    "token_ids": np.array([[1, 5, 2, 7, 2], [1, 9, 2, 0, 0], [1, 3, 4, 6, 2]], "int32"),
    "segment_ids": np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 1, 1, 1]], "int32"),
    "padding_mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], "int32"),
}
PRETRAINING_INPUTS = INPUTS | {"masked_positions": np.array([[1, 3], [1, 0], [2, 3]], "int32")}
LABELS = {"masked_lm": np.array([[8, 7], [9, 0], [4, 11]], "int32"), "next_sentence": np.array([0, 1, 1], "int32")}
WEIGHTS = {"masked_lm": np.array([[1, 1], [1, 0], [1, 1]], "float32"), "next_sentence": np.ones(3, "float32")}


def randomise(model) -> None:
    """Every weight random, biases and norms included, so that a swapped one shows."""
    random = np.random.default_rng(0)
    model.set_weights([random.normal(loc=float("gamma" in weight.path), scale=0.5, size=weight.shape)
                       for weight in model.weights])
