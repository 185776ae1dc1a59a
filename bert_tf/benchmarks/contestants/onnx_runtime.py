"""ONNX Runtime with models that PyTorch exports from Transformers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import transformers

from bert_tf.benchmarks.batching import Batch

_NAMES = {"input_ids": "token_ids", "attention_mask": "padding_mask", "token_type_ids": "segment_ids"}


class _Outputs(torch.nn.Module):
    """A model with plain arguments and one result."""

    def __init__(self, model, output: str):
        super().__init__()
        self._model, self._output = model, output

    def forward(self, input_ids, attention_mask, token_type_ids):
        return getattr(self._model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids),
                       self._output)


def session(job: dict, model_class: str, output: str, *, int8: bool = False) -> Callable[[Batch], np.ndarray]:
    """From features to one output of a Transformers model.

    Args:
        job: `model`, `folder` for the exported files, `threads`.
        model_class: of Transformers.
        output: its name there.
        int8: weights and the inputs of matrix products in int8 (`quantize_dynamic`).
    """
    path = Path(job["folder"], f"{model_class}.onnx")
    if not path.exists():
        _export(job["model"], model_class, output, path)
    if int8:
        path = _quantized(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    opened = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [each.name for each in opened.get_inputs()]
    return lambda features: opened.run(None, {name: features[_NAMES[name]].astype(np.int64) for name in inputs})[0]


def encoder(job: dict, int8: bool = False) -> Callable[[Batch], np.ndarray]:
    """From features to the last hidden state."""
    return session(job, "BertModel", "last_hidden_state", int8=int8)


def _export(folder: str, model_class: str, output: str, path: Path) -> None:
    model = _Outputs(getattr(transformers, model_class).from_pretrained(folder).eval(), output)
    example = tuple(torch.ones((2, 16), dtype=torch.int64) for _ in _NAMES)
    batch, seq = torch.export.Dim("batch"), torch.export.Dim("seq", max=512)
    torch.onnx.export(model, example, str(path), input_names=list(_NAMES), output_names=[output], dynamo=True,
                      dynamic_shapes=tuple({0: batch, 1: seq} for _ in _NAMES), optimize=True, verbose=False)


def _quantized(path: Path) -> Path:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = path.with_suffix(".int8.onnx")
    if not target.exists():
        model = onnx.load(path)
        # Kernels are transposed, and their former shapes would contradict that.
        del model.graph.value_info[:]
        quantize_dynamic(model, str(target), weight_type=QuantType.QInt8)
    return target
