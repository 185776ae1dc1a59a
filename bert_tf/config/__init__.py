"""Configurations: frozen dataclasses, checked on construction, strict JSON in and out."""

from bert_tf.config.benchmarks import BenchmarkConfig
from bert_tf.config.checks import from_mapping, read_json, require
from bert_tf.config.encoder import ACTIVATIONS, SIZES, EncoderConfig
from bert_tf.config.examples import OBJECTIVES, ExampleConfig, MaskingConfig
from bert_tf.config.finetuning import GLUE_TASKS, TASKS, FinetuningConfig
from bert_tf.config.phases import parse_phases
from bert_tf.config.pretraining import FREE_TO_CHANGE, PRECISIONS, PretrainingConfig
from bert_tf.config.records import COMPRESSIONS, RecordsConfig

__all__ = ["ACTIVATIONS", "COMPRESSIONS", "FREE_TO_CHANGE", "GLUE_TASKS", "OBJECTIVES", "PRECISIONS", "SIZES",
           "TASKS", "BenchmarkConfig", "EncoderConfig", "ExampleConfig", "FinetuningConfig", "MaskingConfig",
           "PretrainingConfig", "RecordsConfig", "from_mapping", "parse_phases", "read_json", "require"]
