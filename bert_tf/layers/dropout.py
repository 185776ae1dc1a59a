"""Dropout whose random numbers can be set from outside."""

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

# A context, not a global: `tf.distribute` traces every replica in a thread of its own.
_REPLICA = contextvars.ContextVar("replica", default=None)
_GIVEN_SEEDS = contextvars.ContextVar("given_seeds", default=None)

_STRIDE = 2_654_435_761
"""Between the seeds of two replicas (Knuth's multiplicative hash): layers' own seeds differ by less."""


class DropoutSeeds(keras.random.SeedGenerator):
    """A seed generator that heeds `different_masks` and `given_seeds`; without them a `SeedGenerator`."""

    def next(self, ordered=True):
        """The seed of the next mask; integer `(2,)`."""
        given = _GIVEN_SEEDS.get()
        if given is not None:
            return next(given)
        seed, replica = super().next(ordered), _REPLICA.get()
        if replica is None:
            return seed
        return seed + ops.stack([ops.cast(replica, seed.dtype) * _STRIDE, ops.zeros((), seed.dtype)])


@keras.saving.register_keras_serializable(package="bert_tf")
class Dropout(keras.layers.Layer):
    """Sets a share of the elements to 0 in training and scales the others so that the expected sum stays.

    Any shape in and out. On TensorFlow two elements share a random number of 32 bits, for drawing them is what costs
    most there; so the share is rounded to a multiple of 2**-16, and the factor is that of the rounded one. On JAX a
    hash of each element's place decides (`random_bits_jax.py`).

    Args:
        rate: share of the elements, in [0, 1).
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"Expected a dropout `rate` in [0, 1). Received: rate={rate}.")
        self.rate = rate
        if rate > 0:
            self.seeds = DropoutSeeds()

    def call(self, inputs, training=False):
        """Drops in training only."""
        if not training or self.rate == 0:
            return inputs
        if keras.backend.backend() == "tensorflow":
            from bert_tf.layers.dropout_tensorflow import drop
        elif keras.backend.backend() == "jax":
            from bert_tf.layers.dropout_jax import drop
        else:
            return keras.random.dropout(inputs, self.rate, seed=self.seeds)
        return drop(inputs, self.rate, self.seeds.next())

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {"rate": self.rate}


@contextlib.contextmanager
def different_masks(replica: Any) -> Iterator[None]:
    """Within it every replica draws masks of its own; without it those of all replicas are the same.

    Args:
        replica: its number among all devices, integer scalar; None changes nothing.
    """
    token = _REPLICA.set(replica)
    try:
        yield
    finally:
        _REPLICA.reset(token)


def draw_seeds(layers: Sequence[Dropout]) -> list[Any]:
    """The seeds that each of `layers` would use next, in their order; layers of rate 0 need none."""
    return [layer.seeds.next() for layer in layers if layer.rate > 0]


@contextlib.contextmanager
def given_seeds(seeds: Sequence[Any]) -> Iterator[None]:
    """Within it the layers use `seeds`, in the order in which they are called, and draw none."""
    token = _GIVEN_SEEDS.set(iter(seeds))
    try:
        yield
    finally:
        _GIVEN_SEEDS.reset(token)
