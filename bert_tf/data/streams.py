"""What can be done to a finished stream: join phases, share it between workers, let it end at once."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from bert_tf.config import require

_PREFETCHED_BATCHES = 4


def phased(phases: Sequence[tuple[int, Callable[[int], tf.data.Dataset]]], first_batch: int = 0) -> tf.data.Dataset:
    """One stream out of several, one after the other; the last one never ends.

    Args:
        phases: for each the number of its batches, and a function from the number of batches to skip to its endless
            stream, such as `lambda first: pretraining_dataset(..., first_batch=first)`. The length of the last counts
            only for what is skipped: training says itself when it is over.
        first_batch: batches to skip in all, for a run that goes on. Phases that are over are not built.
    """
    require(bool(phases) and min(count for count, _ in phases) >= 1, "phases of at least one batch",
            batches=[count for count, _ in phases])
    parts, start = [], 0
    for number, (count, batches) in enumerate(phases):
        skipped = max(0, first_batch - start)
        if number == len(phases) - 1:
            parts.append(batches(skipped))
        elif skipped < count:
            parts.append(batches(skipped).take(count - skipped))
        start += count
    stream = parts[0]
    for part in parts[1:]:
        stream = stream.concatenate(part)
    return stream


@tf.autograph.experimental.do_not_convert
def worker_share(batches: tf.data.Dataset, worker: int, num_workers: int) -> tf.data.Dataset:
    """The rows of each global batch that one of several workers trains on, as equal contiguous parts.

    Examples are numbered and masked before they are shared out, so that any number of workers sees the same ones; and
    `tf.distribute` is told not to share them out once more (its policy AUTO silently drops whole files).

    Args:
        batches: any structure of tensors `(batch_size, ...)`, the size known.
        worker: from 0 to `num_workers` - 1.
        num_workers: divides `batch_size`.

    Returns:
        The same structure with `(batch_size / num_workers, ...)`.

    Raises:
        ValueError: `batch_size` is not known or is no multiple of `num_workers`.
    """
    require(0 <= worker < num_workers, "`worker` in [0, num_workers)", worker=worker, num_workers=num_workers)
    sizes = {spec.shape[0] for spec in tf.nest.flatten(batches.element_spec)}
    require(len(sizes) == 1 and None not in sizes, "batches of one known size", sizes=sorted(map(str, sizes)))
    batch_size = sizes.pop()
    require(batch_size % num_workers == 0, "`batch_size` to be a multiple of the number of workers",
            batch_size=batch_size, num_workers=num_workers)
    size = batch_size // num_workers
    rows = slice(worker * size, (worker + 1) * size)
    shared = batches.map(lambda *batch: tf.nest.map_structure(lambda tensor: tensor[rows], _unpacked(batch)),
                         num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return shared.with_options(options)


def ending_at_once(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """`dataset` without the thread in which `tf.data` tunes itself; `AUTOTUNE` means as many calls as there are cores.

    An iterator that is given up waits for that thread, which in TensorFlow 2.21 misses the call to stop in about half
    of the cases and sleeps on: for up to the time that the iterator has lived, at most a minute. Epochs and
    evaluations would take up to twice their time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def prefetched(batches: tf.data.Dataset) -> tf.data.Dataset:
    """`batches`, the next few of which wait for the model, ending at once."""
    return ending_at_once(batches.prefetch(_PREFETCHED_BATCHES))


def _unpacked(batch: tuple):
    """`Dataset.map` spreads tuples over arguments; anything else comes as the only one."""
    return batch[0] if len(batch) == 1 else batch
