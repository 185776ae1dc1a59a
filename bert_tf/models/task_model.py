"""What every model with a task has in common: its loss and its metrics, ready in `compile()`."""

import types
from collections.abc import Iterable, Mapping
from typing import Any

import keras
from keras import ops

from bert_tf.config import require
from bert_tf.models.feature_model import FeatureModel


class TaskModel(FeatureModel):
    """A functional model that knows its own loss.

    A task model names its outputs' losses and metrics element by element; this class weighs, sums and reports them.
    The loss is `sum over outputs of sum(weight x loss) / sum(weight)`. Every reported number, "loss" included, is the
    weighted mean over all elements since the epoch began, so it does not depend on how the elements were batched.

    Labels come in a dict by the names of the outputs, or as they are where there is one output.

    `compile(optimizer)` is enough; `compile(optimizer, loss=...)` replaces the task's loss by Keras' usual treatment.
    """

    task_metrics: dict[str, tuple[str, ...]] = {}
    """Output name -> names of its metrics, "loss" included: what `element_metrics` returns."""

    compares_rows: bool = False
    """The loss of a row depends on the other rows of its batch."""

    def element_losses(self, labels: dict, outputs: dict) -> dict:
        """The loss of each element.

        Args:
            labels: one entry per output, as the data set gives them.
            outputs: what the model returned.

        Returns:
            For each output a float32 tensor, shaped like its weights.
        """
        raise NotImplementedError

    def element_metrics(self, labels: dict, outputs: dict) -> dict[str, dict]:
        """The metrics of each element other than the loss: `{output: {metric: float32, shaped like the weights}}`."""
        return {}

    def compile(self, optimizer="adam", loss=None, *, rematerialize: bool = False, **kwargs):
        """As `keras.Model.compile`; without `loss` the task's own is used.

        Args:
            optimizer: a Keras optimiser or its name.
            loss: leave it out for the task's loss.
            rematerialize: keep only what enters each encoder block and compute the rest a second time for the
                gradient: room for longer sequences or larger batches, for about a third more time.
            **kwargs: as for `keras.Model.compile`; on TensorFlow XLA is off unless `jit_compile` asks for it.
        """
        if keras.backend.backend() == "tensorflow":
            kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)
        self._rematerializes = rematerialize
        for block in self.encoder.blocks:
            block.rematerialize = rematerialize
        self.has_task_loss = loss is None
        means = {
            output: {metric: keras.metrics.Mean(name=f"{output}_{metric}") for metric in metrics}
            for output, metrics in self.task_metrics.items()} if self.has_task_loss else {}
        # A proxy, because Keras would track a dict's metrics for good, those of an earlier `compile` included.
        self._task_means = types.MappingProxyType(means)

    def get_compile_config(self) -> dict:
        """What `compile_from_config` takes."""
        config = super().get_compile_config()
        return config | {"rematerialize": self._rematerializes} if config else config

    def compile_from_config(self, config: dict) -> None:
        """Compiles a model loaded from a `.keras` file as it was when it was saved."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list:
        """The task's weighted means first, then what `compile` was given."""
        means = getattr(self, "_task_means", {})
        return [mean for of_output in means.values() for mean in of_output.values()] + super().metrics

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The task's loss of one batch on one device; float32 scalar."""
        if not self.has_task_loss:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = self.element_losses(self.labels_by_output(y), y_pred)
        weights = self.complete_weights(sample_weight, losses)
        return sum(ops.sum(losses[name] * weights[name]) / ops.maximum(ops.sum(weights[name]), 1e-9)
                   for name in losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the weighted means and returns all results."""
        if self.has_task_loss:
            y = self.labels_by_output(y)
            losses = self.element_losses(y, y_pred)
            self.add_task_sums(self.task_sums(y, y_pred, losses, self.complete_weights(sample_weight, losses)))
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def labels_by_output(self, labels: Any) -> Any:
        """Labels as a dict: as they are given, or one tensor for the only output.

        Raises:
            ValueError: the labels of an output are missing.
        """
        outputs = tuple(self.task_metrics)
        if self.compares_rows:  # without labels, too
            return labels
        if len(outputs) == 1 and labels is not None and not isinstance(labels, Mapping | list | tuple):
            return {outputs[0]: labels}
        given = list(labels) if isinstance(labels, Mapping) else type(labels).__name__
        require(isinstance(labels, Mapping) and set(outputs) <= set(labels),
                f"labels as a dict with the keys {', '.join(outputs)}", labels=given)
        return labels

    def task_sums(self, labels: dict, outputs: dict, losses: dict, weights: dict) -> dict:
        """What a batch adds to the weighted means: `{output: {metric: (sum of weight x value, sum of weights)}}`."""
        metrics = self.element_metrics(labels, outputs)
        sums = {}
        for output, means in self._task_means.items():
            values, weight = {"loss": losses[output], **metrics.get(output, {})}, weights[output]
            sums[output] = {name: (ops.sum(values[name] * weight), ops.sum(weight)) for name in means}
        return sums

    def add_task_sums(self, sums: dict) -> None:
        """Adds one batch, or the sum of several, to the weighted means."""
        for output, means in self._task_means.items():
            for name, mean in means.items():
                total, count = sums[output][name]
                mean.total.assign_add(total)
                mean.count.assign_add(count)

    def get_metrics_result(self) -> dict:
        """All results; "loss" is the sum of the outputs' weighted mean losses, not Keras' mean over batches."""
        results = super().get_metrics_result()
        if self.has_task_loss:
            results["loss"] = sum(means["loss"].result() for means in self._task_means.values())
        return results

    @staticmethod
    def complete_weights(weights: Any, losses: dict) -> dict:
        """Float32 weights for every output, shaped like its losses; 1 where the data set gives none.

        Raises:
            ValueError: weights of an output that is not there, or of other axes than its losses.
        """
        weights = weights_by_output(weights, losses)
        weights = {name: ops.cast(weights[name], "float32") if weights.get(name) is not None else ops.ones_like(loss)
                   for name, loss in losses.items()}
        for name, loss in losses.items():
            axes = len(weights[name].shape)
            require(axes == len(loss.shape), f"sample weights of `{name}` with {len(loss.shape)} axes, as its losses "
                    "have", axes=axes)
        return weights


def weights_by_output(weights: Any, outputs: Iterable[str]) -> dict:
    """Sample weights as a dict: those that are given for each output, or one tensor for all of them.

    Raises:
        ValueError: weights of an output that is not there.
    """
    if weights is None:
        return {}
    outputs = tuple(outputs)
    if not isinstance(weights, dict):
        return dict.fromkeys(outputs, weights)
    require(set(weights) <= set(outputs), f"sample weights of the outputs {', '.join(outputs)}", outputs=list(weights))
    return weights
