"""The same weights give Transformers' answers, and the same batches its training run (see the fixture's script)."""

import pathlib

import keras
import numpy as np
import pytest

from bert_tf.config import EncoderConfig
from bert_tf.features import split_pretraining
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.training.optimizer import AdamW
from bert_tf.training.schedule import WarmupLinearDecay

CONFIG = EncoderConfig(vocabulary_size=120, num_layers=2, num_heads=4, hidden_dim=32, intermediate_dim=64,
                       max_sequence_length=40, dropout=0.0, attention_dropout=0.0)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(pathlib.Path(__file__).parent.parent / "fixtures" / "transformers_golden.npz") as file:
        return dict(file)


def transformers_weights(golden: dict, variables: list[keras.Variable]) -> list[np.ndarray]:
    """The arrays of `variables`, each taken from Transformers' names by the table below."""
    def linear(name):
        return golden[f"weight/{name}.weight"].T, golden[f"weight/{name}.bias"]

    def norm(name):
        return golden[f"weight/{name}.weight"], golden[f"weight/{name}.bias"]

    table = {}

    def add(ours, names, values):
        table.update({f"{ours}/{name}": value for name, value in zip(names, values, strict=True)})

    dense, scale, embeddings = ("kernel", "bias"), ("gamma", "beta"), "bert.embeddings"
    table["token_embedding/embeddings"] = golden[f"weight/{embeddings}.word_embeddings.weight"]
    table["embeddings/position_embedding"] = golden[f"weight/{embeddings}.position_embeddings.weight"]
    table["embeddings/segment_embedding"] = golden[f"weight/{embeddings}.token_type_embeddings.weight"]
    add("embeddings/norm", scale, norm(f"{embeddings}.LayerNorm"))
    for index in range(CONFIG.num_layers):
        ours, theirs = f"block_{index}", f"bert.encoder.layer.{index}"
        kernels, biases = zip(*(linear(f"{theirs}.attention.self.{part}") for part in ("query", "key", "value")),
                              strict=True)
        add(f"{ours}/attention/query_key_value", dense, (np.concatenate(kernels, 1), np.concatenate(biases)))
        add(f"{ours}/attention/output", dense, linear(f"{theirs}.attention.output.dense"))
        add(f"{ours}/attention_norm", scale, norm(f"{theirs}.attention.output.LayerNorm"))
        add(f"{ours}/feed_forward/expand", dense, linear(f"{theirs}.intermediate.dense"))
        add(f"{ours}/feed_forward/contract", dense, linear(f"{theirs}.output.dense"))
        add(f"{ours}/output_norm", scale, norm(f"{theirs}.output.LayerNorm"))
    add("pooler/projection", dense, linear("bert.pooler.dense"))
    add("masked_lm_head/projection", dense, linear("cls.predictions.transform.dense"))
    add("masked_lm_head/norm", scale, norm("cls.predictions.transform.LayerNorm"))
    table["masked_lm_head/bias"] = golden["weight/cls.predictions.bias"]
    add("next_sentence_head", dense, linear("cls.seq_relationship"))
    return [table[variable.path] for variable in variables]


@pytest.fixture
def pretrainer(golden) -> BertPretrainer:
    model = BertPretrainer(CONFIG)
    model.set_weights(transformers_weights(golden, model.weights))
    return model


@pytest.fixture
def example(golden) -> dict[str, np.ndarray]:
    return {name: golden[f"example/{name}"] for name in ("token_ids", "segment_ids", "padding_mask")}


def test_encoder_gives_the_same_answers(golden, example):
    encoder = BertEncoder(CONFIG, return_hidden_states=True, return_attention_weights=True)
    encoder.set_weights(transformers_weights(golden, encoder.weights))
    result = encoder(example)
    assert (example["padding_mask"] == 0).any()
    for name in ("hidden_states", "attention_weights"):
        np.testing.assert_allclose(np.stack(result[name]), golden[f"output/{name}"], atol=1e-5)
    np.testing.assert_allclose(result["sequence_output"], golden["output/hidden_states"][-1], atol=1e-5)
    np.testing.assert_allclose(result["pooled_output"], golden["output/pooled_output"], atol=1e-5)


def test_heads_give_the_same_logits(golden, example, pretrainer):
    everywhere = np.broadcast_to(np.arange(12, dtype="int32"), (4, 12))
    result = pretrainer(example | {"masked_positions": everywhere})
    np.testing.assert_allclose(result["masked_lm"], golden["output/masked_lm"], atol=1e-5)
    np.testing.assert_allclose(result["next_sentence"], golden["output/next_sentence"], atol=1e-5)


def test_training_follows_step_by_step(golden, pretrainer):
    batches = {name.removeprefix("training/"): values for name, values in golden.items()
               if name.startswith("training/")}
    schedule = WarmupLinearDecay(batches["learning_rate"].max(), steps=20, warmup_steps=5)
    np.testing.assert_allclose([schedule(step) for step in range(20)], batches["learning_rate"], rtol=1e-5)
    # Keras adds epsilon before the bias correction, torch after it: the same only while epsilon is negligible.
    pretrainer.compile(AdamW(schedule, weight_decay=0.01, epsilon=1e-8, global_clipnorm=1.0))
    losses = []
    for step in range(20):
        batch = {name: values[step] for name, values in batches.items()}
        inputs, labels, weights = split_pretraining(batch)
        logs = pretrainer.train_on_batch(inputs, labels, weights, return_dict=True)
        pretrainer.reset_metrics()
        losses.append(logs["loss"])
    assert losses[0] - losses[-1] > 1  # it does learn
    np.testing.assert_allclose(losses, batches["loss"], rtol=0, atol=1e-3)
