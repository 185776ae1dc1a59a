import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import EncoderConfig
from bert_tf.models.pretrainer import BertPretrainer
from tests.models import numpy_bert
from tests.models.tiny import CONFIG, LABELS, PRETRAINING_INPUTS, WEIGHTS, randomise


def test_base_has_its_parameters():
    model = BertPretrainer(EncoderConfig.base())
    encoder, transform, bias, next_sentence = 109_482_240, 768 * 768 + 3 * 768, 30522, 2 * 768 + 2
    assert model.count_params() == encoder + transform + bias + next_sentence == 110_106_428


@pytest.mark.slow
def test_large_has_its_parameters():
    assert BertPretrainer(EncoderConfig.large()).count_params() == 336_226_108


def test_logits_match_numpy_restatement():
    model = BertPretrainer(CONFIG)
    randomise(model)
    result = model(PRETRAINING_INPUTS)
    expected = numpy_bert.pretrain_logits(numpy_bert.weights_of(model), CONFIG, PRETRAINING_INPUTS)
    assert set(result) == {"masked_lm", "next_sentence"}
    for name, logits in result.items():
        np.testing.assert_allclose(logits, expected[name], atol=1e-5)


def test_loss_and_every_gradient_match_float64_differences():
    model = BertPretrainer(CONFIG)
    randomise(model)
    model.compile("sgd")
    with tf.GradientTape() as tape:
        loss = model.compute_loss(PRETRAINING_INPUTS, LABELS, model(PRETRAINING_INPUTS, training=True), WEIGHTS)
    gradients = tape.gradient(loss, [weight.value for weight in model.weights])

    weights = numpy_bert.weights_of(model)

    def restated() -> float:
        return numpy_bert.pretrain_loss(weights, CONFIG, PRETRAINING_INPUTS, LABELS, WEIGHTS)

    np.testing.assert_allclose(loss, restated(), rtol=1e-5)
    for weight, gradient in zip(model.weights, gradients, strict=True):
        values, step = weights[weight.path], 1e-5
        expected = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            value = values[place]
            values[place] = value + step
            above = restated()
            values[place] = value - step
            expected[place] = (above - restated()) / (2 * step)
            values[place] = value
        np.testing.assert_allclose(tf.convert_to_tensor(gradient), expected, atol=2e-5, err_msg=weight.path)


@pytest.mark.parametrize("heads, inputs, outputs", [
    ({"next_sentence": False}, {"token_ids", "segment_ids", "padding_mask", "masked_positions"}, {"masked_lm"}),
    ({"masked_lm": False}, {"token_ids", "segment_ids", "padding_mask"}, {"next_sentence"}),
])
def test_single_heads(heads, inputs, outputs):
    model = BertPretrainer(CONFIG, **heads)
    assert set(model.input) == inputs
    result = model({name: PRETRAINING_INPUTS[name] for name in inputs})
    assert set(result) == set(model.element_losses(LABELS, result)) == set(model.task_metrics) == outputs
    assert (model.encoder.pooler is None) == ("next_sentence" not in outputs)
    assert (model.masked_lm_head is None) == ("masked_lm" not in outputs)
    assert (model.next_sentence_head is None) == ("next_sentence" not in outputs)


def test_refuses_no_heads():
    with pytest.raises(ValueError, match="Received: masked_lm=False, next_sentence=False."):
        BertPretrainer(CONFIG, masked_lm=False, next_sentence=False)


def test_decoder_is_the_token_embedding():
    model = BertPretrainer(CONFIG)
    randomise(model)
    before = model(PRETRAINING_INPUTS)["masked_lm"]
    embeddings = model.encoder.token_embedding.embeddings
    values = np.asarray(embeddings).copy()
    values[10] += 1  # a token that no input has
    embeddings.assign(values)
    after = model(PRETRAINING_INPUTS)["masked_lm"]
    changed = np.abs(after - before).max(axis=(0, 1)) > 0
    assert changed.tolist() == [token == 10 for token in range(12)]


def test_element_losses_and_metrics_by_hand():
    model = BertPretrainer(CONFIG)
    outputs = {"masked_lm": np.log([[[0.5, 0.5, 1e-9], [0.25, 0.25, 0.5]]]).astype("float32"),
               "next_sentence": np.log([[0.2, 0.8]]).astype("float32")}
    labels = {"masked_lm": np.array([[1, 2]], "int32"), "next_sentence": np.array([1], "int32")}
    losses = model.element_losses(labels, outputs)
    np.testing.assert_allclose(losses["masked_lm"], [[np.log(2), np.log(2)]], rtol=1e-5)
    np.testing.assert_allclose(losses["next_sentence"], [-np.log(0.8)], rtol=1e-5)
    metrics = model.element_metrics(labels, outputs)
    assert np.asarray(metrics["masked_lm"]["accuracy"]).tolist() == [[0.0, 1.0]]
    assert np.asarray(metrics["next_sentence"]["accuracy"]).tolist() == [1.0]


def test_fits_and_evaluates_with_plain_keras():
    model = BertPretrainer(CONFIG)
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(PRETRAINING_INPUTS, LABELS, sample_weight=WEIGHTS, epochs=30, verbose=0).history
    assert set(history) == {"loss", "masked_lm_loss", "masked_lm_accuracy", "next_sentence_loss",
                            "next_sentence_accuracy"}
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    logs = model.evaluate(PRETRAINING_INPUTS, LABELS, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(numpy_bert.pretrain_loss(
        numpy_bert.weights_of(model), CONFIG, PRETRAINING_INPUTS, LABELS, WEIGHTS), rel=1e-4)


@pytest.mark.parametrize("policy", [
    "mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_mixed_precision_trains_with_float32_logits(policy):
    model = BertPretrainer(dataclasses.replace(CONFIG, dropout=0.1, attention_dropout=0.1), dtype=policy)
    exact = BertPretrainer(CONFIG)
    randomise(exact)
    model.set_weights(exact.get_weights())
    outputs, expected = model(PRETRAINING_INPUTS), exact(PRETRAINING_INPUTS)
    for name, logits in outputs.items():
        assert logits.dtype == "float32"
        np.testing.assert_allclose(logits, expected[name], atol=0.2)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    model.compile(keras.optimizers.Adam(0.01))
    logs = model.fit(PRETRAINING_INPUTS, LABELS, sample_weight=WEIGHTS, epochs=3, verbose=0).history
    assert np.isfinite(logs["loss"]).all()


def test_compiles_with_xla():
    model = BertPretrainer(CONFIG)
    expected = model(PRETRAINING_INPUTS)
    result = tf.function(lambda inputs: model(inputs), jit_compile=True)(PRETRAINING_INPUTS)
    for name, logits in expected.items():
        np.testing.assert_allclose(result[name], logits, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"masked_lm": False, "dtype": "mixed_bfloat16"}, {"next_sentence": False}])
def test_saves_and_loads(changes, tmp_path):
    model = BertPretrainer(CONFIG, **changes)
    randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, BertPretrainer)  # or the distributed version, if a test before has registered it
    assert loaded.config == CONFIG
    assert loaded.get_config() == model.get_config()
    expected, result = model(PRETRAINING_INPUTS), loaded(PRETRAINING_INPUTS)
    assert set(expected) == set(result)
    for name, logits in expected.items():
        np.testing.assert_array_equal(result[name], logits)


def test_subclasses_with_a_mixin_in_front_build_twice():
    class Counting:
        def train_step(self, data):
            self.steps = getattr(self, "steps", 0) + 1
            return super().train_step(data)

    mixed = type("Mixed", (Counting, BertPretrainer), {})
    for _ in range(2):
        model = mixed(CONFIG)
        model.compile("sgd", run_eagerly=True)
        model.fit(PRETRAINING_INPUTS, LABELS, sample_weight=WEIGHTS, verbose=0)
        assert model.steps == 1
