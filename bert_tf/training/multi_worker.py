"""What Keras 3.15 lacks for `fit` and `evaluate` with several processes, and how they share a data set."""

from typing import Any

import keras
import tensorflow as tf

from bert_tf.training.strategy import is_multi_worker, worker_of


class MultiWorkerFit:
    """Lets plain `fit` and `evaluate` work under `MultiWorkerMirroredStrategy` (keras issue 20585).

    Every worker runs the same program and takes every step, evaluation and epoch together with the others. A plain
    `tf.data.Dataset` is the same on all workers, and its batches are global ones: each worker reads all of it and
    trains on its rows. One whose sharding policy is OFF has this worker's rows alone, as `share_of_worker` takes them.
    """

    _fits = False

    def fit(self, x=None, *args, validation_data=None, **kwargs):
        """As `keras.Model.fit`."""
        if validation_data is not None and not isinstance(validation_data, tuple | list):
            validation_data = self._split_by_rows(validation_data)
        self._fits = True
        try:
            return super().fit(self._split_by_rows(x), *args, validation_data=validation_data, **kwargs)
        finally:
            self._fits = False

    def evaluate(self, x=None, *args, **kwargs):
        """As `keras.Model.evaluate`."""
        return super().evaluate(self._split_by_rows(x), *args, **kwargs)

    def _split_by_rows(self, data):
        """Never by files: TensorFlow's default gives a worker some of the files, if it finds any in the pipeline."""
        if not is_multi_worker(self.distribute_strategy) or not isinstance(data, tf.data.Dataset):
            return data
        policies = tf.data.experimental.AutoShardPolicy
        policy = data.options().experimental_distribute.auto_shard_policy
        if policy == policies.OFF:
            return share_of_worker(self.distribute_strategy, data)
        if policy != policies.AUTO:
            return data
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = policies.DATA
        return data.with_options(options)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras takes a batch and reduces it, which several workers cannot; the shapes are known without one. And it
        # does nothing without a strategy, where a step that makes the variables of losses and metrics is traced twice.
        if self._distribute_strategy is None and not self._fits:
            return
        batch = data_batch if iterator is None else iterator._distributed_dataset.element_spec
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=tf.nest.map_structure(_symbol, batch))

    def _make_function(self, step_function):
        # Keras reduces scalars along an axis they lack; the steps here return the same numbers on all devices.
        if not is_multi_worker(self.distribute_strategy):
            return super()._make_function(step_function)
        strategy = self.distribute_strategy

        def one_step(iterator):
            results = strategy.run(step_function, args=(next(iterator),))
            return tf.nest.map_structure(lambda result: strategy.experimental_local_results(result)[0], results)

        if not self.run_eagerly:
            one_step = tf.function(one_step, autograph=False, reduce_retracing=True)

        def steps(iterator):
            for _ in range(self.steps_per_execution):
                results = one_step(iterator)
            return results

        return steps


@tf.autograph.experimental.do_not_convert
def share_of_worker(strategy: tf.distribute.Strategy, batches: tf.data.Dataset) -> tf.distribute.DistributedDataset:
    """Hands a data set of this worker's rows of each global batch to its devices; `fit` and `evaluate` take the result.

    Args:
        strategy: any; on a single worker these are the whole batches.
        batches: on all workers as many batches, of as many rows each.
    """
    num_workers = worker_of(strategy)[1]
    if num_workers == 1:
        return strategy.experimental_distribute_dataset(batches)
    num_devices = strategy.num_replicas_in_sync // num_workers

    def on_devices(context):
        return batches if num_devices == 1 else batches.flat_map(lambda *batch: device_parts(batch, num_devices))

    return strategy.distribute_datasets_from_function(on_devices)


@tf.autograph.experimental.do_not_convert
def device_parts(batch: Any, count: int) -> tf.data.Dataset:
    """One batch -> a data set of `count` batches of consecutive rows, as many in each as can be."""
    def part(index):
        def rows(tensor):
            total = tf.shape(tensor, tf.int64)[0]
            return tensor[total * index // count:total * (index + 1) // count]
        return tf.nest.map_structure(rows, batch)

    return tf.data.Dataset.range(count).map(part)


def _symbol(value: Any) -> keras.KerasTensor | None:
    """The symbol of a tensor, of its spec, or of the specs of all devices' parts of it."""
    spec = getattr(value, "_value_specs", (value,))[0]
    return None if spec is None else keras.KerasTensor(tuple(spec.shape), keras.backend.standardize_dtype(spec.dtype))
