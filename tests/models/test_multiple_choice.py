import numpy as np

from bert_tf.models.multiple_choice import BertMultipleChoice
from tests.models.task_models import check_task_model, softmax_loss
from tests.models.tiny import CONFIG, INPUTS, randomise

CHOICES = {name: np.stack([value, value[::-1]], axis=1) for name, value in INPUTS.items()}  # (batch, 2, seq)
LABELS = {"logits": np.array([1, 0, 1])}


def test_keeps_the_contract():
    check_task_model(BertMultipleChoice(CONFIG), CHOICES, LABELS, expected_weights=5 + 2 * 12 + 2 + 2)


def test_score_of_a_choice_does_not_depend_on_the_others():
    model = BertMultipleChoice(CONFIG)
    randomise(model)

    both = np.asarray(model(CHOICES)["logits"])
    alone = np.asarray(model({name: value[:, 1:] for name, value in CHOICES.items()})["logits"])

    assert both.shape == (3, 2) and alone.shape == (3, 1)
    np.testing.assert_allclose(both[:, 1:], alone, atol=1e-6)
    np.testing.assert_allclose(both[:, 0], both[::-1, 1], atol=1e-6)


def test_loss_and_accuracy():
    model = BertMultipleChoice(CONFIG)
    logits = np.array([[1, 2], [0, 3], [4, 4.5]], "float32")

    losses = model.element_losses(LABELS, {"logits": logits})["logits"]
    accuracy = model.element_metrics(LABELS, {"logits": logits})["logits"]["accuracy"]

    np.testing.assert_allclose(losses, softmax_loss(logits, LABELS["logits"]), atol=1e-5)
    np.testing.assert_array_equal(accuracy, [1, 0, 1])
