"""Methods that are graph functions."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


class graph_method:  # noqa: N801 - a decorator
    """Makes a method a `tf.function` with the object's own graph.

    TensorFlow's own decorator does not keep the object alive: `Classifier.load(folder).answer(texts)` would find that
    there is none any more.

    Args:
        *specs: what the method takes.
    """

    def __init__(self, *specs: tf.TensorSpec):
        self._specs = specs

    def __call__(self, method: Callable) -> "graph_method":
        """Decorates."""
        self._method, self._name = method, f"_graph_of_{method.__name__}"
        functools.update_wrapper(self, method)
        return self

    def __get__(self, instance: Any, owner: type | None = None):
        if instance is None:
            return self
        made = vars(instance).get(self._name)
        # A copy of an object has the function of the original.
        if made is None or made.python_function.__self__ is not instance:
            made = tf.function(self._method.__get__(instance), input_signature=self._specs, autograph=False)
            vars(instance)[self._name] = made
        return made
