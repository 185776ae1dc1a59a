"""The operations that an exported graph may use, and those that it does."""

import pathlib

from tensorflow.core.protobuf import saved_model_pb2

TEXT_KERNELS = {"FastBertNormalize", "FastWordpieceTokenizeWithOffsets"}
"""Of tf-text; TensorFlow Serving links its whole op library, older servers lack much of what is newer."""

CORE = {
    "Abs", "AddV2", "Any", "ArgMax", "AssignVariableOp", "BatchMatMulV2", "BiasAdd", "BroadcastTo", "Cast", "ConcatV2",
    "Const", "Cumsum", "DecodeRaw", "DisableCopyOnRead", "Equal", "Erf", "Exp", "ExpandDims", "Fill", "FloorDiv",
    "FloorMod", "GatherNd", "GatherV2", "Greater", "GreaterEqual", "Identity", "IdentityN", "IsFinite", "Less",
    "LessEqual", "Log", "LogicalAnd", "LogicalNot", "LogicalOr", "MatMul", "Max", "Maximum", "Mean",
    "MergeV2Checkpoints", "Min", "Minimum", "Mul", "Neg", "NoOp", "NotEqual", "OneHot", "OnesLike", "Pack", "Pad",
    "PadV2", "PartitionedCall", "Placeholder", "Prod", "RaggedTensorToTensor", "Range", "ReadVariableOp", "RealDiv",
    "ReduceJoin", "Reshape",
    "RestoreV2", "Rsqrt", "SaveV2", "ScatterNd", "SegmentMean", "SegmentSum", "Select", "SelectV2", "Shape",
    "ShardedFilename", "Sigmoid", "Size", "Softmax", "Split", "Sqrt", "Square", "SquaredDifference", "Squeeze",
    "StatefulPartitionedCall", "StatelessIf", "StaticRegexFullMatch", "StaticRegexReplace", "StopGradient",
    "StridedSlice", "StringJoin", "StringLength", "Sub", "Substr", "Sum", "Tanh", "TensorListConcatV2",
    "TensorListReserve", "TensorListSetItem", "TensorScatterUpdate", "Tile", "TopKV2", "Transpose",
    "UnsortedSegmentJoin", "UpperBound", "VarHandleOp", "Where", "While", "ZerosLike",
}
"""Of TensorFlow itself: plain tensors and strings, no Python, no files but the checkpoint's, no lookup tables."""

TRAINING = {
    "All", "Assert", "BiasAddGrad", "Bitcast", "If", "StatelessRandomGetKeyCounter",
    "StatelessRandomUniformFullIntV2", "VarIsInitializedOp",
}
"""What is added where a graph can also be trained (dropout), or checks its arguments."""


def operations_of(folder: pathlib.Path) -> set[str]:
    """Every operation of the SavedModel in `folder`, those of its functions included."""
    saved_model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    operations = set()
    for meta_graph in saved_model.meta_graphs:
        library = meta_graph.graph_def.library.function
        functions = {function.signature.name for function in library}
        nodes = [*meta_graph.graph_def.node, *(node for function in library for node in function.node_def)]
        operations |= {node.op for node in nodes} - functions
    return operations
