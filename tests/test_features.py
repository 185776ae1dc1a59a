import numpy as np
import tensorflow as tf

from bert_tf.features import split_pretraining


def test_splits_a_batch_by_the_names_of_inputs_and_outputs():
    features = {name: tf.zeros([2, 3], tf.int32) for name in
                ("token_ids", "segment_ids", "padding_mask", "masked_positions", "masked_labels")}
    features |= {"masked_weights": tf.constant([[1.0, 1, 0], [1, 0, 0]]), "next_sentence_label": tf.constant([0, 1])}
    inputs, labels, weights = split_pretraining(features)
    assert set(inputs) == {"token_ids", "segment_ids", "padding_mask", "masked_positions"}
    np.testing.assert_array_equal(labels["next_sentence"], [0, 1])
    np.testing.assert_array_equal(weights["masked_lm"], [[1, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(weights["next_sentence"], [1.0, 1.0])


def test_without_pairs_there_is_only_masked_lm():
    features = {name: tf.zeros([2, 3], tf.int32) for name in
                ("token_ids", "segment_ids", "padding_mask", "masked_positions", "masked_labels", "masked_weights")}
    _, labels, weights = split_pretraining(features)
    assert set(labels) == set(weights) == {"masked_lm"}
