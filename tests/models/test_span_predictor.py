import numpy as np

from bert_tf.models.span_predictor import BertSpanPredictor
from tests.models.task_models import check_task_model, softmax_loss
from tests.models.tiny import CONFIG, INPUTS, randomise

LABELS = {"start_logits": np.array([1, 0, 2]), "end_logits": np.array([3, 0, 2])}


def test_keeps_the_contract():
    check_task_model(BertSpanPredictor(CONFIG), INPUTS, LABELS, expected_weights=5 + 2 * 12 + 2)


def test_columns_of_the_head_are_start_and_end():
    model = BertSpanPredictor(CONFIG)
    randomise(model)
    kernel, bias = model.get_layer("span_head").get_weights()

    scores = np.asarray(model.encoder(INPUTS)["sequence_output"]) @ kernel + bias
    outputs = model(INPUTS)

    np.testing.assert_allclose(outputs["start_logits"], scores[..., 0], atol=1e-5)
    np.testing.assert_allclose(outputs["end_logits"], scores[..., 1], atol=1e-5)


def test_loss_is_the_mean_of_both_ends():
    model = BertSpanPredictor(CONFIG)
    random = np.random.default_rng(0)
    outputs = {name: random.normal(size=(3, 5)).astype("float32") for name in LABELS}

    losses = model.element_losses(LABELS, outputs)
    metrics = model.element_metrics(LABELS, outputs)

    for name, labels in LABELS.items():
        np.testing.assert_allclose(losses[name], softmax_loss(outputs[name], labels) / 2, atol=1e-5)
        np.testing.assert_array_equal(metrics[name]["accuracy"], outputs[name].argmax(axis=-1) == labels)
