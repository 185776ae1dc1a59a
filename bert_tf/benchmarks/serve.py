"""Text-in serving of a classifier, in process."""

import json
from pathlib import Path
from typing import Any

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig, require
from bert_tf.models.classifier import BertClassifier

_SHORT_TEXT = "The waiter was friendly, but my soup arrived cold."
_LABELS = ("negative", "positive")
_HOME = "bert_tf.benchmarks.contestants"


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    if config.model:
        model = Path(config.model)
        kind = json.loads((model / "config.json").read_text()) if (model / "config.json").is_file() else {}
        require(kind.get("architectures") == ["BertForSequenceClassification"], "`model` to be a classifier's folder",
                model=config.model)
    else:
        model = inputs.random_model(BertClassifier, config, folder, labels=_LABELS)
    texts = inputs.requests(config, config.requests)
    return {"model": str(model), "texts": texts, "short_text": _SHORT_TEXT, "clients": config.clients,
            "requests": config.requests, "sequence_length": config.sequence_length, "input": (
                f"{config.model or 'BERT ' + config.size}, {config.requests} texts of one to four sentences, at most "
                f"{config.sequence_length} tokens, {config.clients} clients in a closed loop; one short text alone")}


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config

    def contestant(library: str, mode: str, make: str, tolerance: float, needs=(), environment=None,
                   **options: Any) -> Contestant:
        precision = "int8" if "int8" in mode else "float32" if "float32" in mode else "bfloat16"
        return Contestant(f"{library}, {mode}", library, f"{_HOME}.{make}", options, needs, precision,
                          tolerance=tolerance, environment=environment or {})

    # Requests that come at the same time can share the cores instead of each using all of them.
    one_each = {"TF_NUM_INTRAOP_THREADS": "1"}
    torch = ("torch", "transformers")
    onnx = ("onnxruntime", "onnx", "onnxscript", *torch)
    return (
        contestant("bert_tf", "SavedModel, float32", "serve_bert_tf:saved_model", 1e-3, precision="float32"),
        contestant("bert_tf", "SavedModel, float32, one core per request", "serve_bert_tf:saved_model", 1e-3,
                   environment=one_each, precision="float32"),
        contestant("bert_tf", "SavedModel, bfloat16", "serve_bert_tf:saved_model", 5e-2, precision="bfloat16"),
        contestant("bert_tf", "SavedModel, bfloat16, one core per request", "serve_bert_tf:saved_model", 5e-2,
                   environment=one_each, precision="bfloat16"),
        contestant("bert_tf", "LiteRT, float32", "serve_litert:classifier", 1e-3, quantize="none"),
        contestant("bert_tf", "LiteRT, int8 weights", "serve_litert:classifier", 5e-2,
                   quantize="dynamic"),
        contestant("bert_tf", "local server over HTTP, bfloat16, one core per request", "serve_bert_tf:local_server",
                   5e-2),
        contestant("Transformers", "float32", "serve_transformers:classifier", 1e-3, torch),
        contestant("Transformers", "bfloat16 autocast", "serve_transformers:classifier", 5e-2, torch, bfloat16=True),
        contestant("Transformers", "bfloat16 autocast, one core per request", "serve_transformers:classifier", 5e-2,
                   torch, bfloat16=True, threads_per_call=1),
        contestant("ONNX Runtime", "float32", "serve_onnx_runtime:classifier", 1e-3, onnx),
        contestant("ONNX Runtime", "float32, one core per request", "serve_onnx_runtime:classifier", 1e-3, onnx,
                   threads_per_call=1),
        contestant("ONNX Runtime", "int8", "serve_onnx_runtime:classifier", 0.2, onnx, int8=True),
        contestant("KerasHub", "float32", "serve_keras_hub:classifier", 2e-2, ("keras_hub",), policy="float32"),
        contestant("KerasHub", "mixed_bfloat16", "serve_keras_hub:classifier", 5e-2, ("keras_hub",),
                   policy="mixed_bfloat16"),
        contestant("KerasHub", "float32, one core per request", "serve_keras_hub:classifier", 2e-2, ("keras_hub",),
                   environment=one_each, policy="float32"),
    )


SERVE = Benchmark(
    "text-in serving of a classifier, mixed lengths",
    (Metric("throughput", "requests/s"), Metric("p50", "ms", larger_is_better=False),
     Metric("p95", "ms", larger_is_better=False), Metric("p99", "ms", larger_is_better=False),
     Metric("one short text, p50", "ms", larger_is_better=False)), _contestants, _prepare,
    "bert_tf.benchmarks.works.serve:Serve")
