"""Reads the tensors of a TensorFlow checkpoint, one at a time: name-based (TF1) or an object graph (TF2)."""

import pathlib
import re

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"

_SLOT = re.compile(r"/(adam|lamb)_[mv]$|/Adam(_1)?$|^beta[12]_power$|\.OPTIMIZER_SLOT|^optimizer/", re.IGNORECASE)
_COUNTERS = ("global_step", "save_counter", _OBJECT_GRAPH)

_FULL_NAME = re.compile(r"(?:^|/)((?:word_embeddings|position_embedding|type_embeddings|embeddings/layer_norm"
                        r"|transformer/layer_\d+|pooler_transform)/.+)$")
"""The end of a variable's full name in Model Garden's encoder; a model around it may put its own name before."""

_ATTRIBUTE_PATHS = [
    (r"(?:layer_with_weights-0|_embedding_layer)/embeddings", "word_embeddings/embeddings"),
    (r"(?:layer_with_weights-1|_position_embedding_layer)/(?:_position_)?embeddings", "position_embedding/embeddings"),
    (r"(?:layer_with_weights-2|_type_embedding_layer)/embeddings", "type_embeddings/embeddings"),
    (r"(?:layer_with_weights-3|_embedding_norm_layer)/(gamma|beta)", r"embeddings/layer_norm/\1"),
    (r"(?:layer_with_weights-\d+|_pooler_layer)/(kernel|bias)", r"pooler_transform/\1"),
]
"""Paths of attributes below the encoder -> full names, outside of the blocks."""

_BLOCK_PATH = re.compile(r"(?:layer_with_weights-(\d+)|_transformer_layers/(\d+))/(.+)")
_IN_BLOCK = {
    "_attention_layer/_query_dense": "self_attention/query",
    "_attention_layer/_key_dense": "self_attention/key",
    "_attention_layer/_value_dense": "self_attention/value",
    "_attention_layer/_output_dense": "self_attention/attention_output",
    "_attention_layer_norm": "self_attention_layer_norm",
    "_intermediate_dense": "intermediate",
    "_output_dense": "output",
    "_output_layer_norm": "output_layer_norm",
}
"""Paths of attributes below a block -> full names."""


class CheckpointTensors:
    """The tensors of one checkpoint: shapes by name, values on demand.

    In an object graph the variables of Model Garden's encoder get the names they had in the model, without what a model
    around the encoder put before them; everything else keeps its key.

    Args:
        prefix: path of the checkpoint without `.index`.

    Raises:
        ValueError: there is no such checkpoint, or it is damaged.
    """

    def __init__(self, prefix: pathlib.Path):
        self._prefix = prefix
        self._reader = self._checked(lambda: tf.train.load_checkpoint(str(prefix)))
        shapes = self._reader.get_variable_to_shape_map()
        self.is_object_graph = _OBJECT_GRAPH in shapes
        self._keys = {name: name for name in shapes}
        if self.is_object_graph:
            self._keys = self._named_by_graph(list(shapes))
        self.shapes = {name: tuple(shapes[key]) for name, key in self._keys.items()}

    def read(self, name: str) -> np.ndarray:
        """The values of the tensor."""
        return self._checked(lambda: self._reader.get_tensor(self._keys[name]))

    def place_of(self, name: str) -> str:
        """The checkpoint."""
        return str(self._prefix)

    def why_dropped(self, name: str) -> str | None:
        """Why a tensor that is no weight of a model is not needed; None if it may be one."""
        if _SLOT.search(name):
            return "state of the optimiser"
        if name.removesuffix(_VALUE) in _COUNTERS:
            return "bookkeeping of the checkpoint"
        return None

    def _named_by_graph(self, keys: list[str]) -> dict[str, str]:
        """Canonical name -> key."""
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(self._reader.get_tensor(_OBJECT_GRAPH))
        full_names = {attribute.checkpoint_key: attribute.full_name for node in graph.nodes
                      for attribute in node.attributes}
        named: dict[str, str] = {}
        for key in keys:
            is_weight = self.why_dropped(key) is None
            name = _model_garden_name(key, full_names.get(key, "")) if is_weight else None
            named[key if name is None or name in named else name] = key
        return named

    def _checked(self, action):
        try:
            return action()
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"Expected a readable TensorFlow checkpoint at {self._prefix}. "
                             f"Received: {reason}") from None


def _model_garden_name(key: str, full_name: str) -> str | None:
    """The name in Model Garden's encoder of the variable under `key`; None if it belongs to something else."""
    match = _FULL_NAME.search(full_name)
    if match:
        return match[1]
    path = re.sub(r"^(encoder|model)/", "", key.removesuffix(_VALUE))
    for pattern, name in _ATTRIBUTE_PATHS:
        if re.fullmatch(pattern, path):
            return re.sub(pattern, name, path)
    match = _BLOCK_PATH.fullmatch(path)
    if match:
        index = int(match[2]) if match[1] is None else int(match[1]) - 4  # four layers of embeddings come first
        attribute, _, weight = match[3].rpartition("/")
        if attribute in _IN_BLOCK and index >= 0:
            return f"transformer/layer_{index}/{_IN_BLOCK[attribute]}/{weight}"
    return None
