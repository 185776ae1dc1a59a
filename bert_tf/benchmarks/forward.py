"""The encoder's forward pass."""

from pathlib import Path
from typing import Any

import numpy as np

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.batching import Batch, padded
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.benchmarks.works.forward import SHAPES
from bert_tf.config import BenchmarkConfig
from bert_tf.models.encoder import BertEncoder

_HOME = "bert_tf.benchmarks.contestants"
_TEXT_BYTES = 100_000


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    tokenizer = inputs.tokenizer(config)
    lines = tokenizer.tokenize([line for line in inputs.first_lines(config, _TEXT_BYTES) if line.strip()])
    cls_id, sep_id = tokenizer.vocabulary.cls_id, tokenizer.vocabulary.sep_id
    # Three sentences of different length.
    check = [_row(lines[number].numpy()[:10 + number], cls_id, sep_id) for number in range(3)]
    batches = [padded(check)] + [padded(_full_rows(lines.flat_values.numpy(), *shape, cls_id, sep_id))
                                 for shape in SHAPES]
    np.savez(folder / "batches.npz", **{f"by_length/{number}/{name}": values for number, batch in enumerate(batches)
                                        for name, values in batch.items()})
    return {"batches": str(folder / "batches.npz"), "model": str(inputs.random_model(BertEncoder, config, folder)),
            "input": f"BERT {config.size}, real text without padding, batch x tokens"}


def _full_rows(token_ids: np.ndarray, rows: int, length: int, cls_id: int, sep_id: int) -> list[Batch]:
    return [_row(part, cls_id, sep_id) for part in np.resize(token_ids, (rows, length - 2))]


def _row(token_ids: np.ndarray, cls_id: int, sep_id: int) -> Batch:
    ids = np.concatenate([[cls_id], token_ids, [sep_id]]).astype(np.int32)
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config

    def contestant(library: str, mode: str, module: str, tolerance: float, needs=(), compiled=False,
                   environment=None, **options: Any) -> Contestant:
        precision = "int8" if "int8" in mode else "float32" if "float32" in mode else "bfloat16"
        return Contestant(f"{library}, {mode}", library, f"{_HOME}.{module}:encoder", options, needs, precision, "",
                          tolerance, compiled, environment or {})

    torch = ("torch", "transformers")
    onnx = ("onnxruntime", "onnx", "onnxscript", *torch)
    return (
        contestant("bert_tf", "float32", "bert_tf_models", 1e-3, policy="float32"),
        contestant("bert_tf", "float32, in halves", "bert_tf_models", 1e-3, policy="float32", parts=2),
        contestant("bert_tf", "float32, in halves, one core per operation", "bert_tf_models", 1e-3,
                   environment={"TF_NUM_INTRAOP_THREADS": "1"}, policy="float32", parts=2),
        contestant("bert_tf", "mixed_bfloat16", "bert_tf_models", 5e-2, policy="mixed_bfloat16"),
        contestant("bert_tf", "bfloat16, frozen", "bert_tf_models", 5e-2, policy="mixed_bfloat16", frozen=True),
        contestant("bert_tf", "float32, XLA", "bert_tf_models", 1e-3, compiled=True, policy="float32", xla=True),
        contestant("Transformers", "float32", "transformers", 1e-3, torch),
        contestant("Transformers", "bfloat16 autocast", "transformers", 5e-2, torch, bfloat16=True),
        contestant("Transformers", "float32, compiled", "transformers", 1e-3, torch, True, compile=True),
        contestant("Transformers", "bfloat16 autocast, compiled", "transformers", 5e-2, torch, True, bfloat16=True,
                   compile=True),
        contestant("ONNX Runtime", "float32", "onnx_runtime", 1e-3, onnx),
        contestant("ONNX Runtime", "int8", "onnx_runtime", 0.3, onnx, int8=True),
        contestant("KerasHub", "float32", "keras_hub", 2e-2, ("keras_hub",), policy="float32"),
        contestant("KerasHub", "mixed_bfloat16", "keras_hub", 5e-2, ("keras_hub",), policy="mixed_bfloat16"),
        contestant("KerasHub", "float32, XLA", "keras_hub", 2e-2, ("keras_hub",), True, policy="float32", xla=True),
    )


FORWARD = Benchmark(
    "the encoder's forward pass",
    tuple(Metric(f"{rows} x {length}", "ms", larger_is_better=False) for rows, length in SHAPES), _contestants,
    _prepare, "bert_tf.benchmarks.works.forward:Forward")
