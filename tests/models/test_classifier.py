import gc

import keras
import numpy as np
import pytest

from bert_tf.models.classifier import BertClassifier
from bert_tf.training.distributed import distributed
from tests.models.task_models import check_task_model, softmax_loss
from tests.models.tiny import CONFIG, INPUTS, randomise

LABELS = {"single_label": np.array([0, 2, 1]), "multi_label": np.array([[0, 1, 1], [0, 0, 0], [1, 0, 1]]),
          "regression": np.array([[0.5, 2, 1], [0, 0, -1], [3, 2, 1]], "float32")}
NUM_ENCODER_WEIGHTS = 5 + 2 * 12 + 2


@pytest.mark.parametrize("problem_type", LABELS)
def test_keeps_the_contract(problem_type):
    model = BertClassifier(CONFIG, ["a", "b", "c"], problem_type=problem_type)

    check_task_model(model, INPUTS, {"logits": LABELS[problem_type]}, NUM_ENCODER_WEIGHTS + 2)


def test_logits_are_the_pooled_output_times_the_kernel():
    model = _random()
    kernel, bias = model.get_layer("classifier").get_weights()

    pooled = np.asarray(model.encoder(INPUTS)["pooled_output"])

    np.testing.assert_allclose(model(INPUTS)["logits"], pooled @ kernel + bias, atol=1e-5)


def test_losses_match_their_formulas():
    logits = np.array([[0.1, -2, 3], [1, 1, 1], [0, 5, -1]], "float32")
    outputs = {"logits": logits}

    def losses(problem_type):
        model = BertClassifier(CONFIG, num_labels=3, problem_type=problem_type)
        return model.element_losses({"logits": LABELS[problem_type]}, outputs)["logits"]

    np.testing.assert_allclose(losses("single_label"), softmax_loss(logits, LABELS["single_label"]), atol=1e-5)
    signs = 1 - 2 * LABELS["multi_label"]
    np.testing.assert_allclose(losses("multi_label"), np.log1p(np.exp(signs * logits)).mean(axis=-1), atol=1e-5)
    np.testing.assert_allclose(losses("regression"), ((logits - LABELS["regression"]) ** 2).mean(axis=-1), atol=1e-5)


def test_accuracies():
    logits = {"logits": np.array([[0.1, -2, 3], [1, 0, 0], [0, 5, -1]], "float32")}

    single = BertClassifier(CONFIG, num_labels=3)
    several = BertClassifier(CONFIG, num_labels=3, problem_type="multi_label")

    np.testing.assert_array_equal(
        single.element_metrics({"logits": LABELS["single_label"]}, logits)["logits"]["accuracy"], [0, 0, 1])
    np.testing.assert_allclose(
        several.element_metrics({"logits": LABELS["multi_label"]}, logits)["logits"]["accuracy"], [1 / 3, 2 / 3, 0])


def test_one_number_is_a_regression_of_rank_1():
    model = BertClassifier(CONFIG, ["score"], problem_type="regression")

    losses = model.element_losses({"logits": np.array([1.0, 2.0])}, {"logits": np.array([[1.5], [4.0]], "float32")})

    np.testing.assert_allclose(losses["logits"], [0.25, 4])


def test_dropout_is_the_configurations_unless_given():
    config = CONFIG.to_dict() | {"dropout": 0.3}

    assert BertClassifier(config, num_labels=2).get_layer("classifier_dropout").rate == 0.3
    assert BertClassifier(config, num_labels=2, dropout=0.0).get_layer("classifier_dropout").rate == 0.0


def test_refuses_unknown_problem():
    with pytest.raises(ValueError, match="problem_type='ranking'"):
        BertClassifier(CONFIG, num_labels=2, problem_type="ranking")


def _random():
    model = BertClassifier(CONFIG, num_labels=3)
    randomise(model)
    return model


@pytest.mark.parametrize("model_class", [BertClassifier, distributed(BertClassifier)])
def test_labels_need_no_name_but_the_right_one(model_class):
    model, labels = model_class(CONFIG, num_labels=3), LABELS["single_label"]
    model.compile("sgd")
    options = {"verbose": 0, "return_dict": True}
    assert model.evaluate(INPUTS, labels, **options) == model.evaluate(INPUTS, {"logits": labels}, **options)
    assert np.isfinite(model.fit(INPUTS, labels, verbose=0).history["loss"][0])
    with pytest.raises(ValueError, match=r"labels as a dict with the keys logits. Received: labels=\['label'\]"):
        model.fit(INPUTS, {"label": labels}, verbose=0)
    gc.collect()  # the error holds the iterator of `fit`, which would be waited for as long as it has lived


@pytest.mark.parametrize("model_class", [BertClassifier, distributed(BertClassifier)])
def test_classes_may_weigh_differently(model_class):
    model = model_class(CONFIG, num_labels=3)
    randomise(model)
    model.compile(keras.optimizers.SGD(0.0))
    labels, losses = LABELS["single_label"], model(INPUTS)["logits"]
    losses = keras.ops.sparse_categorical_crossentropy(labels, losses, from_logits=True)
    by_label = {0: 1.0, 1: 5.0, 2: 0.0}
    weights = np.array([by_label[label] for label in labels])
    assert abs(np.mean(losses) - np.sum(losses * weights) / np.sum(weights)) > 0.01
    history = model.fit(INPUTS, labels, class_weight=by_label, batch_size=len(labels), verbose=0).history
    np.testing.assert_allclose(history["loss"], [np.sum(losses * weights) / np.sum(weights)], rtol=1e-5)
