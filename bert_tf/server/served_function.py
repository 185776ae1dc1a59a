"""A function of strings, such as a LiteRT file has, served as SavedModels are."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2

from bert_tf.server.rest import RequestError
from bert_tf.server.served_model import DEFAULT_SIGNATURE, Signature


class ServedFunction:
    """The one signature of a model that is no SavedModel; has what `ServedModel` has.

    Args:
        name: that requests use.
        answer: from batches of strings by name to batches by name.
        inputs: the strings that go in by name, and how many axes each has.
    """

    version = 1

    def __init__(self, name: str, answer: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
                 inputs: Mapping[str, int]):
        self.name, self._answer = name, answer
        specs = {key: tf.TensorSpec([None] * axes, tf.string, name=key) for key, axes in inputs.items()}
        # What comes out is seen best in an answer; whoever asks first does not wait for a start either.
        example = answer({key: np.full([1] * axes, b"", object) for key, axes in inputs.items()})
        self.signatures = {DEFAULT_SIGNATURE: Signature(inputs=specs, outputs=tuple(sorted(example)))}
        self._definitions = {DEFAULT_SIGNATURE: _definition(specs, example)}

    def answer(self, inputs: Mapping[str, tf.Tensor], signature: str = DEFAULT_SIGNATURE) -> Mapping[str, np.ndarray]:
        """Answers a batch; `inputs` has all inputs, of the right type and rank.

        Raises:
            RequestError: there is no string in one of them.
        """
        del signature  # there is one
        for name, value in inputs.items():
            if 0 in value.shape:
                raise RequestError(f"Expected strings in `{name}`. Received: none.")
        return self._answer({name: value.numpy() for name, value in inputs.items()})

    def definitions(self) -> dict:
        """The signature as TF Serving's metadata shows it."""
        return self._definitions


def _definition(specs: Mapping[str, tf.TensorSpec], example: Mapping[str, np.ndarray]) -> dict:
    definition = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    for name, spec in specs.items():
        definition.inputs[name].CopyFrom(_tensor(name, spec.dtype, len(spec.shape)))
    for name, value in example.items():
        dtype = tf.string if value.dtype == object else tf.as_dtype(value.dtype)
        definition.outputs[name].CopyFrom(_tensor(name, dtype, value.ndim))
    return json_format.MessageToDict(definition, preserving_proto_field_name=True,
                                     always_print_fields_with_no_presence=True)


def _tensor(name: str, dtype: tf.DType, axes: int) -> meta_graph_pb2.TensorInfo:
    shape = tf.TensorShape([None] * axes).as_proto()
    return meta_graph_pb2.TensorInfo(name=name, dtype=dtype.as_datatype_enum, tensor_shape=shape)
