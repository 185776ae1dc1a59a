"""From a model's folder to a model."""

import math
from pathlib import Path

import keras

from bert_tf.benchmarks import inputs
from bert_tf.benchmarks.definitions import Benchmark, Contestant, Metric
from bert_tf.config import BenchmarkConfig
from bert_tf.model_directory import load_model
from bert_tf.models.encoder import BertEncoder
from bert_tf.weights import keras_hub

_HOME = "bert_tf.benchmarks.contestants.load"


def _prepare(config: BenchmarkConfig, folder: Path) -> dict:
    path = inputs.random_model(BertEncoder, config, folder)
    model = load_model(path)
    preset = folder / "preset"
    preset.mkdir()
    keras.config.disable_interactive_logging()
    keras_hub.write_files(model, preset, model.tokenizer, allow_approximate=True)
    ids = model.tokenizer.tokenize(["A short text."]).to_list()
    megabytes = sum(math.prod(weight.shape) for weight in model.weights) * 4 / 1e6
    return {"model": str(path), "preset": str(preset), "ids": ids, "megabytes": megabytes,
            "input": f"the encoder of BERT {config.size}, {megabytes:,.0f} MB, in a fresh process"}


def _contestants(config: BenchmarkConfig) -> tuple[Contestant, ...]:
    del config
    return (
        Contestant("bert_tf", "bert_tf", f"{_HOME}:BertTf", precision="float32", tolerance=1e-3),
        Contestant("Transformers", "Transformers", f"{_HOME}:Transformers", {}, ("torch", "transformers"), "float32",
                   tolerance=1e-3),
        Contestant("KerasHub", "KerasHub", f"{_HOME}:KerasHub", {}, ("keras_hub",), "float32", tolerance=2e-2),
    )


LOAD = Benchmark(
    "a model's folder to a model, imports not included",
    (Metric("loading", "s", larger_is_better=False),
     Metric("memory", "times the weights, at the peak", larger_is_better=False)), _contestants, _prepare,
    "bert_tf.benchmarks.works.fresh:Load", fresh=True)
