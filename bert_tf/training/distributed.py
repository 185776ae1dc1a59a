"""One training step for every `tf.distribute` strategy, so that plain `fit` means the same on one device and on many.

`bert_tf.BertPretrainer` and its like are `distributed(...)` versions of the backend-neutral classes in `models`.
"""

import functools
import types
from collections.abc import Mapping

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.layers.dropout import different_masks
from bert_tf.layers.one_cpu_tensorflow import one_cpu
from bert_tf.models.task_model import TaskModel, weights_by_output
from bert_tf.training.averaging import plain_optimizer
from bert_tf.training.batch_sums import BatchSums, global_totals
from bert_tf.training.common_optimizer import heed_summed_gradients
from bert_tf.training.micro_batches import add_up
from bert_tf.training.multi_worker import MultiWorkerFit
from bert_tf.training.updates import global_norm, sum_over_devices, unscaled, update


class DistributedSteps(BatchSums, MultiWorkerFit):
    """Training and evaluation steps whose loss is normalised by the weights of the whole global batch.

    Keras averages the losses of the devices, each divided by its own weights, and so trains differently on one device
    and on two when the weights are spread unevenly; here the sum of the weights over all devices and micro-batches is
    known before the first gradient, and the gradients simply add up. They are added up over the devices before the
    optimiser sees them, so that it clips, and leaves out what is not finite, by the gradient of the global batch.
    """

    _training_metrics: Mapping[str, keras.metrics.Metric] = types.MappingProxyType({})

    def compile(self, optimizer="adam", loss=None, *, accumulate: int = 1, skip_nonfinite: bool = False,
                jit_compile: bool | str = "auto", **kwargs):
        """As the model's own `compile`, with options for training at scale.

        Args:
            optimizer: a Keras optimiser or its name.
            loss: leave it out for the task's loss; the options below need that.
            accumulate: parts in which a device computes its rows of a batch, one after the other, as many rows in
                each as can be; a TPU wants equal parts. The update is that of the whole batch, in less memory.
            skip_nonfinite: a batch whose loss or gradient is not finite leaves weights and the optimiser's state as
                they are, is left out of the task's metrics, and is counted in the metric `skipped_batches`.
            jit_compile: compile forward and backward pass with XLA, which draws other dropout masks from the same
                seeds; "auto": on a GPU, not on a CPU, where only GELU and AdamW gain (docs/performance.md), which are
                compiled anyway. A TPU always compiles.
            **kwargs: as for the model's own `compile`.
        """
        require(accumulate >= 1, "`accumulate` >= 1", accumulate=accumulate)
        require(loss is None or (accumulate == 1 and not skip_nonfinite),
                "no `loss` beside `accumulate` and `skip_nonfinite`", accumulate=accumulate,
                skip_nonfinite=skip_nonfinite)
        require(accumulate == 1 or not self.compares_rows, "no `accumulate` beside a loss that compares all rows of a "
                "batch, of which each would see those of its part alone", accumulate=accumulate)
        # Proxies, as in `TaskModel.compile`.
        self._options = types.MappingProxyType(
            {"accumulate": accumulate, "skip_nonfinite": skip_nonfinite, "jit_compile": jit_compile})
        if jit_compile == "auto":
            jit_compile = loss is None and bool(tf.config.list_logical_devices("GPU"))
        self._compiles_steps = jit_compile
        self._has_one_cpu = not jit_compile and len(tf.config.list_logical_devices()) == 1
        # Keras would compile the sum over devices as well, which fails.
        super().compile(optimizer, loss, jit_compile=jit_compile and loss is not None, **kwargs)
        plain = plain_optimizer(self.optimizer)
        steps = plain.gradient_accumulation_steps
        require(not steps or (self._distribute_strategy is None and accumulate == 1),
                "an optimiser without `gradient_accumulation_steps`, which fails under a strategy; "
                "`compile(accumulate=...)` works under all", gradient_accumulation_steps=steps)
        heed_summed_gradients(plain)
        self._training_metrics = types.MappingProxyType({})
        if skip_nonfinite:
            self._add_training_metrics(skipped_batches=keras.metrics.Sum)

    def get_compile_config(self) -> dict:
        """What `compile_from_config` takes."""
        config = super().get_compile_config()
        return {**config, **self._options} if config else config

    def count_tokens(self) -> None:
        """From now on training also reports `tokens`, those that are not padding, and `positions`, all of them."""
        self._add_training_metrics(tokens=keras.metrics.Sum, positions=keras.metrics.Sum)

    def report_gradient_norm(self) -> None:
        """From now on training also reports `gradient_norm`: of global batches, before clipping, mean over updates."""
        self._add_training_metrics(gradient_norm=keras.metrics.Mean)

    def _add_training_metrics(self, **kinds: type) -> None:
        with self.distribute_strategy.scope():
            added = {name: kind(name=name) for name, kind in kinds.items()}
        self._training_metrics = types.MappingProxyType({**self._training_metrics, **added})
        self.train_function = None

    @property
    def metrics(self) -> list:
        """The task's metrics and those of training."""
        return super().metrics + list(self._training_metrics.values())

    def build_optimizer(self) -> None:
        """Makes the optimiser's variables, unless it has them: Keras' loss scaling would make its own anew."""
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force=False):
        """As Keras', with the optimiser's variables made before: a step that makes them itself is traced twice."""
        self.build_optimizer()
        return super().make_train_function(force)

    def train_step(self, data):
        """One update, or none if `skip_nonfinite` says so; returns the metrics so far."""
        with different_masks(_replica()), one_cpu(self._has_one_cpu):
            if not self.has_task_loss:
                return super().train_step(data)
            x, labels, weights = self._unpacked(data)
            compute = self._compiled(functools.partial(
                self._training_sums, totals=global_totals(x, weights), scale=self.optimizer.scale_loss(1.0)))
            gradients, loss, sums = add_up(functools.partial(self._with_user_metrics, compute), (x, labels, weights),
                                           self._options["accumulate"])
        is_finite = self._update(*sum_over_devices((gradients, loss)))
        self._add_to_metrics(sums, is_finite)
        self._count_tokens(x)
        return self._global_results()

    def test_step(self, data):
        """Evaluates one batch; returns the metrics so far."""
        if not self.has_task_loss:
            return super().test_step(data)
        sums = self._with_user_metrics(self._compiled(self._evaluation_sums), self._unpacked(data))
        self._add_to_metrics(sums)
        return {name: result for name, result in self._global_results().items() if name not in self._training_metrics}

    def _unpacked(self, data) -> tuple:
        x, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        return x, self.labels_by_output(labels), weights_by_output(weights, self.task_metrics)

    def _update(self, gradients: dict, loss):
        """Applies the global batch's gradients; returns whether it did, None where nobody asked."""
        variables = [self.trainable_variables[index] for index in gradients]
        gradients = unscaled(self.optimizer, list(gradients.values()))
        norm = self._training_metrics.get("gradient_norm")
        scaling = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        is_finite = None
        if scaling or norm is not None or self._options["skip_nonfinite"]:
            value = global_norm(self.optimizer, gradients)
            if scaling or self._options["skip_nonfinite"]:
                is_finite = tf.math.is_finite(value) & tf.math.is_finite(loss)
            if norm is not None and is_finite is None:
                norm.update_state(value)
            elif norm is not None:
                norm.update_state(tf.where(is_finite, value, 0.0), tf.cast(is_finite, value.dtype))
        update(self.optimizer, gradients, variables, is_finite)
        return is_finite

    def _add_to_metrics(self, sums: dict, is_finite=None) -> None:
        if is_finite is not None:
            sums = tf.nest.map_structure(lambda value: tf.where(is_finite, value, 0.0), sums)
            if self._options["skip_nonfinite"]:
                devices = tf.distribute.get_strategy().num_replicas_in_sync
                self._training_metrics["skipped_batches"].update_state(tf.where(is_finite, 0.0, 1.0 / devices))
        self.add_task_sums(sums)

    def _count_tokens(self, x: dict) -> None:
        if "tokens" in self._training_metrics:
            self._training_metrics["tokens"].update_state(x["padding_mask"])
            self._training_metrics["positions"].update_state(tf.ones_like(x["padding_mask"]))

    def _global_results(self) -> dict:
        """The metrics of all devices together, the same on each of them."""
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return self.get_metrics_result()
        variables = [variable for metric in self.metrics for variable in metric.variables]
        # One sum over devices instead of one for each.
        flat = sum_over_devices(tf.concat([tf.reshape(variable.value, [-1]) for variable in variables], 0))
        parts = tf.split(flat, [variable.shape.num_elements() for variable in variables])
        values = [tf.reshape(part, variable.shape) for part, variable in zip(parts, variables, strict=True)]
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return self.get_metrics_result()


def _replica():
    """The number of this device among all; None where there is one."""
    replica = tf.distribute.get_replica_context()
    return replica.replica_id_in_sync_group if replica.num_replicas_in_sync > 1 else None


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
