"""Opens the content of a .tflite file as objects, and writes it again."""

import hashlib
from typing import Any

import flatbuffers
import numpy as np

_ALIGNMENT = 16
"""Bytes; where weights may begin (schema.fbs of LiteRT, `Buffer.data`)."""


def opened(content: bytes) -> tuple[Any, list[str]]:
    """The model as an object of LiteRT's schema, and the kinds of its operations, such as "FULLY_CONNECTED"."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    return model, [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]


def custom_operations(content: bytes) -> set[str]:
    """The names of the operations that are not LiteRT's own; those that need all of TensorFlow begin with Flex."""
    from ai_edge_litert import schema_py_generated as schema

    # Read where it lies: making objects of a whole file is slow.
    model = schema.Model.GetRootAs(content, 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    return {code.CustomCode().decode() for code in codes
            if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) == schema.BuiltinOperator.CUSTOM}


def packed(model: Any) -> bytes:
    """The content of a .tflite file; what nothing reads is left out, and equal data is written once."""
    _drop_unused(model)
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _drop_unused(model: Any) -> None:
    """Empties buffers that nothing refers to, and takes away the ranges that only calibration needs."""
    used = {entry.buffer for entry in model.metadata or []}
    for graph in model.subgraphs:
        for tensor in graph.tensors or []:
            used.add(tensor.buffer)
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None


class _SharingBuilder(flatbuffers.Builder):
    """Writes equal arrays once: the weights of several signatures, thousands of zero points."""

    def __init__(self, size: int):
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802 - the name in flatbuffers
        """As in flatbuffers; gives the place of an equal array if there is one."""
        key = x.dtype.str, hashlib.sha256(x.tobytes()).digest()
        if key not in self._written:
            if x.dtype == np.uint8:  # the content of buffers
                self.Prep(_ALIGNMENT, x.nbytes)
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]
