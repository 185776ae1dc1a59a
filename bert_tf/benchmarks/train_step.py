"""Pre-training steps on ready batches of real text."""

import os
from pathlib import Path
from typing import Any

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.batching import save_layouts
from bert_tf.benchmarks.definitions import TRAINING_ENVIRONMENT, Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig, ExampleConfig, MaskingConfig, read_json
from bert_tf.data.pipelines import pretraining_dataset
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.reports.utilisation import training_flops
from bert_tf.weights.hugging_face_config import encoder_config

_PADDING = {"by_length": "batches of like length, as its pipeline makes them",
            "dynamic": "padded to the longest of a batch", "fixed": "padded to the full length"}
_XLA_FLAG = "--xla_gpu_enable_triton_gemm=false"
"""Products by cuBLAS, which adds biases and residuals by itself."""


def training_contestants(ours: str, keras_hub: str, transformers: str, *,
                         transformers_layout: str) -> tuple[Contestant, ...]:
    """Everybody who can train.

    Args:
        ours: `make` of our trainer, and so on.
        keras_hub: of KerasHub's.
        transformers: of Transformers'.
        transformers_layout: of its batches; if they are of like length, an option of its trainer, there are contestants
            without it, too.
    """
    def contestant(library: str, mode: str, make: str, tolerance: float, needs=(), compiled=False,
                   layout="dynamic", **options: Any) -> Contestant:
        return Contestant(f"{library}, {mode}", library, make, {**options, "layout": layout}, needs,
                          "float32" if "float32" in mode else "bfloat16", _PADDING[layout], tolerance, compiled,
                          TRAINING_ENVIRONMENT)

    torch = ("torch", "transformers")
    peers = (
        contestant("Transformers", "float32", transformers, 1e-3, torch, layout=transformers_layout),
        contestant("Transformers", "bfloat16 autocast", transformers, 2e-2, torch, layout=transformers_layout,
                   bfloat16=True),
        *([contestant("Transformers", "float32, random order", transformers, 1e-3, torch),
           contestant("Transformers", "bfloat16 autocast, random order", transformers, 2e-2, torch, bfloat16=True)]
          if transformers_layout != "dynamic" else []),
        contestant("Transformers", "float32, compiled", transformers, 1e-3, torch, True, "fixed", compile=True),
        contestant("Transformers", "bfloat16 autocast, compiled", transformers, 2e-2, torch, True, "fixed",
                   bfloat16=True, compile=True),
        contestant("KerasHub", "float32", keras_hub, 1e-2, ("keras_hub",), policy="float32"),
        contestant("KerasHub", "mixed_bfloat16", keras_hub, 3e-2, ("keras_hub",), policy="mixed_bfloat16"),
        contestant("KerasHub", "float32, XLA", keras_hub, 1e-2, ("keras_hub",), True, "fixed", policy="float32",
                   xla=True),
        contestant("KerasHub", "mixed_bfloat16, XLA", keras_hub, 3e-2, ("keras_hub",), True, "fixed",
                   policy="mixed_bfloat16", xla=True))
    return (
        contestant("bert_tf", "float32", ours, 1e-3, layout="by_length", policy="float32"),
        contestant("bert_tf", "mixed_bfloat16", ours, 2e-2, layout="by_length", policy="mixed_bfloat16"),
        contestant("bert_tf", "mixed_bfloat16, XLA", ours, 2e-2, (), True, "fixed", policy="mixed_bfloat16", xla=True),
        *peers)


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    home = "bert_tf.benchmarks.contestants"
    everybody = training_contestants(f"{home}.bert_tf_models:Trainer", f"{home}.keras_hub:MaskedLmTrainer",
                                     f"{home}.transformers:PretrainingTrainer", transformers_layout="dynamic")
    if config.backend == "tensorflow":
        return everybody
    # Without the second variable the first process would take most of a GPU's memory, which all contestants share.
    environment = {"KERAS_BACKEND": "jax", "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
                   "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {_XLA_FLAG}".strip()}
    on_jax = tuple(
        Contestant(f"{library} on JAX, {policy}", library, f"{home}.{make}", {"policy": policy}, needs,
                   "float32" if policy == "float32" else "bfloat16", f"{_PADDING[layout]}, compiled", tolerance,
                   environment=environment)
        for library, make, needs, layout, tolerances in (
            ("bert_tf", "bert_tf_on_jax:Trainer", ("jax",), "by_length", (1e-3, 2e-2)),
            ("KerasHub", "keras_hub_on_jax:MaskedLmTrainer", ("jax", "keras_hub"), "fixed", (1e-2, 3e-2)))
        for policy, tolerance in zip(("float32", "mixed_bfloat16"), tolerances, strict=True))
    return on_jax + everybody


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    batches = [{**features, "masked_labels": labels["masked_lm"], "masked_weights": weights["masked_lm"],
                "next_sentence_label": labels["next_sentence"]}
               for features, labels, weights in pretraining_dataset(
                   inputs.text_files(config), inputs.tokenizer(config), ExampleConfig(config.sequence_length),
                   MaskingConfig(), batch_size=config.batch_size, seed=config.seed).take(
                       config.steps).as_numpy_iterator()]
    tokens = save_layouts(batches, folder / "batches.npz", length=config.sequence_length, seed=config.seed)
    examples, model = config.steps * config.batch_size, inputs.random_model(BertPretrainer, config, folder)
    path = model / "config.json"
    flops = training_flops(encoder_config(read_json(path), path), tokens=tokens, examples=examples,
                           masked=sum(float(batch["masked_weights"].sum()) for batch in batches))
    return {"batches": str(folder / "batches.npz"), "tokens": tokens, "examples": examples, "flops": flops,
            "model": str(model), "input": (
                f"BERT {config.size}, {config.steps} steps of {config.batch_size} examples, at most "
                f"{config.sequence_length} tokens, 15 % masked, next-sentence pairs; AdamW, dropout 0.1")}


TRAIN_STEP = Benchmark(
    "pre-training steps on ready batches of the same examples",
    (Metric("tokens", "tokens/s that are not padding"), Metric("examples", "examples/s"),
     Metric("teraflops", "TFLOP/s of the model, without padding", compared=False)), _contestants, _prepare,
    "bert_tf.benchmarks.works.train:TrainSteps")
