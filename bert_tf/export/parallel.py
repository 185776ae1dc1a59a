"""A model whose encoder blocks compute in parts, side by side on the cores of a CPU."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.layers.parts import Part, in_parts


class ParallelModel:
    """Stands for a model in functions that are to be saved; everything but calling it is the model's own.

    TensorFlow runs operations that do not depend on each other at the same time, but little of what is in one operation
    on a single short text. So attention and feed-forward networks are computed in parts with weights of their own,
    whose results are added up (`layers/parts.py`). Answers differ by the rounding of one more sum. The weights of parts
    are stored in the type that they are used in: in bfloat16 none is cast at run time.

    Args:
        model: one with a dict of inputs.
        count: parts of each; a layer whose heads or units it does not divide stays whole.
    """

    def __init__(self, model: keras.Model, count: int):
        require(count >= 2, "two or more parts", count=count)
        self._model = model
        self._count = count
        self._parts_of: dict[int, list[tf.Variable]] = {}

    def __call__(self, features: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Features to outputs, as the model does at inference."""
        with in_parts(self._count, self._cut):
            return self._model(features, training=training)

    def saved_variables(self) -> list[tf.Variable]:
        """What functions that have called this use: parts in place of the variables that are only used in parts."""
        whole = [variable.value for variable in self._model.variables if id(variable) not in self._parts_of]
        return whole + [part for parts in self._parts_of.values() for part in parts]

    def _cut(self, part: Part, variable: keras.Variable, dtype: str, axis: int, repeats: int) -> tf.Variable:
        """A part's share of a variable; made once, outside of graphs, for all functions together."""
        if id(variable) not in self._parts_of:
            before, after = variable.shape[:axis], variable.shape[axis + 1:]
            with tf.init_scope():
                apart = tf.reshape(tf.cast(variable.value, dtype), [*before, repeats, part.count, -1, *after])
                self._parts_of[id(variable)] = [tf.Variable(tf.reshape(share, [*before, -1, *after]), trainable=False)
                                                for share in tf.unstack(apart, axis=axis + 1)]
        return self._parts_of[id(variable)][part.number]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
