"""A model whose blocks use the kernels trains as one without them, the same dropped elements included."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

TRAIN = """
import json
import keras
import numpy as np
from bert_tf.config import EncoderConfig
from bert_tf.layers import attention_jax, biased_gelu_jax, residual_norm_jax
from bert_tf.layers.attention import SelfAttention
from bert_tf.layers.feed_forward import FeedForward
from bert_tf.layers.norm import LayerNorm
from bert_tf.models.pretrainer import BertPretrainer

calls = dict.fromkeys(("attend", "add_and_normalize", "biased_gelu"), 0)

def interpret(module, name):
    function = getattr(module, name)
    def interpreted(*args, **options):
        calls[name] += 1
        return function(*args, **options, interpret=True)
    setattr(module, name, interpreted)

def losses(seed, one_kernel):
    # Without a GPU, and in float32, so that nothing but the order of sums differs.
    SelfAttention._is_one_kernel = lambda self: one_kernel
    FeedForward._is_one_kernel = lambda self: one_kernel
    LayerNorm.is_one_kernel = staticmethod(lambda inputs: one_kernel)
    keras.utils.set_random_seed(seed)
    model = BertPretrainer(EncoderConfig(
        vocabulary_size=40, num_layers=2, num_heads=2, hidden_dim=32, intermediate_dim=64, max_sequence_length=64,
        dropout=0.5, attention_dropout=0.5))
    random = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(random.normal(0, 0.3, weight.shape) + ("gamma" in weight.path))
    ids = random.integers(1, 40, (3, 64)).astype("int32")
    ids[1, 50:] = 0
    inputs = {"token_ids": ids, "segment_ids": ids % 2, "padding_mask": (ids > 0).astype("int32"),
              "masked_positions": random.integers(1, 50, (3, 4)).astype("int32")}
    labels = {"masked_lm": random.integers(1, 40, (3, 4)).astype("int32"),
              "next_sentence": np.array([0, 1, 0], "int32")}
    model.compile(keras.optimizers.SGD(0.01))
    return [float(model.train_on_batch(inputs, labels, return_dict=True)["loss"]) for _ in range(3)]

interpret(attention_jax, "attend")
interpret(residual_norm_jax, "add_and_normalize")
interpret(biased_gelu_jax, "biased_gelu")
operations, other_seed = losses(3, False), losses(4, False)
before = dict(calls)
print(json.dumps({"operations": operations, "other_seed": other_seed, "kernels": losses(3, True),
                  "calls_before": before, "calls": calls}))
"""


@pytest.mark.slow
def test_training_with_kernels_is_training_with_single_operations():
    pytest.importorskip("jax")
    run = subprocess.run([sys.executable, "-c", TRAIN], cwd=ROOT, capture_output=True, text=True,
                         env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["calls_before"] == {"attend": 0, "add_and_normalize": 0, "biased_gelu": 0}
    # The last block computes what is looked at alone, so its attention is no kernel.
    assert result["calls"]["attend"] >= 1 and result["calls"]["add_and_normalize"] >= 4
    assert result["calls"]["biased_gelu"] >= 2
    assert result["kernels"] == pytest.approx(result["operations"], rel=1e-4)
    assert result["kernels"] != pytest.approx(result["other_seed"], rel=1e-2)
