"""KerasHub answers texts."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from bert_tf.benchmarks.contestants.keras_hub import converted


def classifier(job: dict, policy: str) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities, in graph mode; the padding of its preprocessor is cut to the longest of a batch."""
    model, preprocessor = converted(job["model"], policy)
    preprocessor.sequence_length = job["sequence_length"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def answer(texts: tf.Tensor) -> tf.Tensor:
        features = preprocessor(texts)
        longest = tf.reduce_max(tf.reduce_sum(tf.cast(features["padding_mask"], tf.int32), axis=-1))
        features = {name: values[:, :longest] for name, values in features.items()}
        return tf.nn.softmax(tf.cast(model(features, training=False), tf.float32))
    return lambda texts: answer(tf.constant(texts)).numpy()
