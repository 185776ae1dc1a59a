"""Converts phone functions to one LiteRT file, quantised or not."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from bert_tf.config import require
from bert_tf.export.phone_functions import PhoneFunction
from bert_tf.export.tflite_file import custom_operations
from bert_tf.export.tflite_int8 import convert_int8

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
"""Weights and activations in float32; weights in float16; weights in int8; both in int8 (`tflite_int8.py`)."""

TEXT_KERNELS = frozenset({"FastBertNormalize", "FastWordpieceTokenizeWithOffsets"})
"""The operations beside LiteRT's own that a file may have, tf-text's."""

COUNTING_SIGNATURE = "num_tokens"
"""Of a file with several lengths that takes strings: which of them a text needs."""

Sample = dict[str, np.ndarray]


def convert(functions: Mapping[str, PhoneFunction], *, quantize: str = "none",
            samples: Callable[[str], Iterator[Sample]] | None = None) -> bytes:
    """Converts.

    Args:
        functions: by the names of their signatures; all of the same model. If there are several, and strings go in,
            there is also `COUNTING_SIGNATURE`.
        quantize: one of `QUANTIZATIONS`.
        samples: for "int8": from a signature to inputs for it by name, such as it will meet.

    Returns:
        The content of a .tflite file without metadata.

    Raises:
        ValueError: int8 without samples, or there are operations that phones do not have.
    """
    require(quantize in QUANTIZATIONS, f"`quantize` to be one of {', '.join(QUANTIZATIONS)}", quantize=quantize)
    require(quantize != "int8" or samples is not None, "texts to calibrate int8 with", samples=None)
    with tempfile.TemporaryDirectory() as folder:
        graphs = _graphs(functions)
        _save(functions, graphs, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(graphs))
        converter.allow_custom_ops = True  # those of tf-text; others are found below
        converter.exclude_conversion_metadata = True  # only TensorFlow's version, for which the file is made anew
        if quantize in ("float16", "dynamic"):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            content = convert_int8(converter, lambda: (
                (name, sample) for name in functions for sample in samples(name)))
        else:
            content = converter.convert()
    foreign = custom_operations(content) - TEXT_KERNELS
    require(not foreign, "operations that LiteRT has, and those of tf-text", operations=sorted(foreign))
    return content


def _graphs(functions: Mapping[str, PhoneFunction]) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """What the file computes, by signature."""
    graphs = {name: function.graph() for name, function in functions.items()}
    first = next(iter(functions.values()))
    return graphs | ({COUNTING_SIGNATURE: first.counting_graph()} if len(functions) > 1 and first.takes_text else {})


def _save(functions: Mapping[str, PhoneFunction], graphs: Mapping[str, tf.types.experimental.PolymorphicFunction],
          folder: str | os.PathLike) -> None:
    """Writes a SavedModel with these signatures."""
    # Nothing but the variables: of a function or an endpoint all its graphs would be saved, too. Keras' own variables
    # are wrapped, and the converter would not find what is inside: without an error, the file would hold weights that
    # nobody has set.
    module = tf.Module(name="phone")
    (model,) = {id(function.endpoint.model): function.endpoint.model for function in functions.values()}.values()
    module.variables_of_model = [variable.value for variable in model.variables]
    tf.saved_model.save(module, os.fspath(folder), signatures=dict(graphs))
