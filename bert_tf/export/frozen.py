"""A model whose weights are constants of one graph function."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bert_tf.export.parallel import ParallelModel


class FrozenModel:
    """Stands for a model in functions that are to be saved; everything but calling it is the model's own.

    All signatures call the same function, so the constants are in the file once. Those that are only ever cast are
    stored as what they are cast to, so in bfloat16 nothing is cast at run time, and oneDNN keeps the kernels of dense
    layers in its own layout from the first call on.

    Args:
        model: one with a dict of inputs.
    """

    def __init__(self, model: keras.Model | ParallelModel):
        self._model = model
        specs = {name: tf.TensorSpec(value.shape, value.dtype, name=name) for name, value in model.input.items()}
        traced = tf.function(lambda features: dict(model(features, training=False)), autograph=False,
                             input_signature=[specs]).get_concrete_function()
        # Both in the order of their sorted names.
        self._outputs = sorted(traced.structured_outputs)
        self._call = _from_graph(convert_variables_to_constants_v2(traced, lower_control_flow=False), sorted(specs))

    def __call__(self, features: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Features to outputs, as the model does at inference."""
        if training:
            raise ValueError("Expected `training` to be False: the weights are constants. Received: training=True.")
        outputs = self._call(**{name: features[name] for name in self._model.input})
        return dict(zip(self._outputs, outputs, strict=True))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _from_graph(frozen: tf.types.experimental.ConcreteFunction, names: list[str]):
    """The function again, its constants in the type that they are used in."""
    inputs = [tensor.name for tensor in frozen.inputs]
    outputs = [tensor.name for tensor in frozen.outputs]
    graph = _with_folded_casts(frozen.graph.as_graph_def())
    graph = tf.compat.v1.graph_util.extract_sub_graph(graph, [_node(name) for name in inputs + outputs])

    @tf.function(input_signature=[tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
                                  for name, tensor in zip(names, frozen.inputs, strict=True)], autograph=False)
    def call(*values):
        return tf.graph_util.import_graph_def(graph, dict(zip(inputs, values, strict=True)), outputs, name="")

    return call.get_concrete_function()


def _with_folded_casts(graph: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """The graph with a constant for every cast of a constant, and nothing that waits for a constant."""
    nodes = {node.name: node for node in graph.node}

    def constant_of(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef | None:
        while node.op in ("Cast", "Identity") and not node.input[0].startswith("^"):
            node = nodes[_node(node.input[0])]
        return node if node.op == "Const" else None

    folded = graph_pb2.GraphDef(versions=graph.versions)
    for node in graph.node:
        constant = constant_of(node)
        if constant is not None and node.op == "Cast":
            folded.node.append(_cast(constant, node))
            continue
        inputs = [name for name in node.input if not (name.startswith("^") and constant_of(nodes[name[1:]]))]
        folded.node.append(node)
        del folded.node[-1].input[:]
        folded.node[-1].input.extend(inputs)
        folded.node[-1].attr.pop("_gradient_op_type", None)  # of functions that are not saved
    return folded


def _cast(constant: node_def_pb2.NodeDef, cast: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    dtype = tf.as_dtype(cast.attr["DstT"].type)
    value = tf.make_ndarray(constant.attr["value"].tensor).astype(dtype.as_numpy_dtype)
    node = node_def_pb2.NodeDef(name=cast.name, op="Const")
    node.attr["dtype"].type = dtype.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype))
    return node


def _node(tensor_name: str) -> str:
    return tensor_name.split(":")[0]
