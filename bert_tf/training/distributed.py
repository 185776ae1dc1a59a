"""One training step for every `tf.distribute` strategy, so that plain `fit` means the same on one device and on many.

`bert_tf.BertPretrainer` and its like are `distributed(...)` versions of the backend-neutral classes in `models`.
"""

import functools
import types
from collections.abc import Mapping

import keras
import tensorflow as tf

from bert_tf.models.task_model import TaskModel


class DistributedSteps:
    """Training and evaluation steps whose loss is normalised by the weights of the whole global batch.

    Keras averages the losses of the devices, each divided by its own weights, and so trains differently on one device
    and on two when the weights are spread unevenly; here the sum of the weights over all devices is known before the
    first gradient, and the devices' gradients simply add up.
    """

    _token_counts: Mapping[str, keras.metrics.Sum] = types.MappingProxyType({})

    def count_tokens(self) -> None:
        """From now on training also reports `tokens`, those that are not padding, and `positions`, all of them."""
        # A proxy, as in `TaskModel.compile`.
        self._token_counts = types.MappingProxyType(
            {name: keras.metrics.Sum(name=name) for name in ("tokens", "positions")})

    @property
    def metrics(self) -> list:
        """The task's metrics and, if tokens are counted, their counts."""
        return super().metrics + list(self._token_counts.values())

    def train_step(self, data):
        """One update; returns the metrics so far."""
        if not self.has_task_loss:
            return super().train_step(data)
        x, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            losses = self.element_losses(labels, outputs)
            loss = self._share_of_global_loss(losses, weights)
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.update_task_metrics(labels, outputs, losses, weights)
        self._count_tokens(x)
        return keras.Model.compute_metrics(self, x, labels, outputs, weights)

    def test_step(self, data):
        """Evaluates one batch; returns the metrics so far."""
        if not self.has_task_loss:
            return super().test_step(data)
        x, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        outputs = self(x, training=False)
        self.update_task_metrics(labels, outputs, self.element_losses(labels, outputs), weights)
        return keras.Model.compute_metrics(self, x, labels, outputs, weights)

    def _share_of_global_loss(self, losses: dict, weights: dict | None):
        """One device's part of the loss; the parts of all devices add up to the loss of the global batch."""
        weights = self.complete_weights(weights, losses)
        totals = {name: tf.reduce_sum(weight) for name, weight in weights.items()}
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            totals = replica.all_reduce(tf.distribute.ReduceOp.SUM, totals)
        return tf.add_n([tf.math.divide_no_nan(tf.reduce_sum(losses[name] * weights[name]), totals[name])
                         for name in losses])

    def _count_tokens(self, x: dict) -> None:
        if self._token_counts:
            self._token_counts["tokens"].update_state(x["padding_mask"])
            self._token_counts["positions"].update_state(tf.ones_like(x["padding_mask"]))


@functools.cache
def distributed(model_class: type) -> type:
    """The version of a task model that trains alike under every strategy, registered for saving in its place.

    Classes that are no task models, and those that are distributed already, come back as they are.
    """
    if not issubclass(model_class, TaskModel) or issubclass(model_class, DistributedSteps):
        return model_class
    composed = type(model_class.__name__, (DistributedSteps, model_class),
                    {"__doc__": model_class.__doc__, "__module__": model_class.__module__})
    return keras.saving.register_keras_serializable(package="bert_tf")(composed)
