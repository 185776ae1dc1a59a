import numpy as np

from bert_tf.models.token_classifier import BertTokenClassifier
from tests.models.task_models import check_task_model, softmax_loss
from tests.models.tiny import CONFIG, INPUTS

LABELS = np.array([[-1, 0, 1, 2, -1], [-1, 1, -1, -100, -100], [-1, 2, 2, 0, -1]])


def test_keeps_the_contract():
    model = BertTokenClassifier(CONFIG, ["O", "B-PER", "I-PER"])

    check_task_model(model, INPUTS, {"logits": LABELS}, expected_weights=5 + 2 * 12 + 2)


def test_negative_labels_are_not_scored():
    logits = np.random.default_rng(0).normal(size=(3, 5, 3)).astype("float32")
    model = BertTokenClassifier(CONFIG, num_labels=3)

    losses = np.asarray(model.element_losses({"logits": LABELS}, {"logits": logits})["logits"])
    accuracy = np.asarray(model.element_metrics({"logits": LABELS}, {"logits": logits})["logits"]["accuracy"])

    scored = LABELS >= 0
    np.testing.assert_allclose(losses[scored], softmax_loss(logits, np.maximum(LABELS, 0))[scored], atol=1e-5)
    np.testing.assert_array_equal(losses[~scored], 0)
    np.testing.assert_array_equal(accuracy, logits.argmax(axis=-1) == LABELS)
