"""How long training waits for its data."""

import tensorflow as tf


class WaitingTime:
    """Measures the time between the request for a batch and its delivery, inside the data set, without Python.

    A batch that was prefetched is delivered at once; what is measured is the time in which training could not go on.
    On a GPU, which computes behind the program that feeds it, and under several devices, whose batches TensorFlow
    fetches one ahead, that is an upper bound.
    """

    def __init__(self):
        with tf.device("/CPU:0"):
            self._seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    @tf.autograph.experimental.do_not_convert
    def measured(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """`dataset`, its waits being measured; put it behind the last prefetch."""
        # A zip asks its parts one after the other: first the clock, then the batch.
        requests = tf.data.Dataset.range(2**62).map(lambda _: tf.timestamp())

        def deliver(requested, batch):
            self._seconds.assign_add(tf.timestamp() - requested)
            return batch

        options = tf.data.Options()
        # It would ask for batches before training does.
        options.experimental_optimization.inject_prefetch = False
        return tf.data.Dataset.zip(requests, dataset).map(deliver).with_options(options)

    def take(self) -> float:
        """Seconds since the last call."""
        seconds = float(self._seconds)
        self._seconds.assign_sub(seconds)
        return seconds
