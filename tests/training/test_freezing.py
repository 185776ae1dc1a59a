import pytest

import bert_tf
from bert_tf.training.freezing import freeze, learning_rate_factors
from tests.models.tiny import CONFIG


def trained_parts(model):
    return {weight.path.split("/")[0] for weight in model.trainable_weights}


@pytest.mark.parametrize(("what", "expected"), [
    ("embeddings", {"block_0", "block_1", "pooler", "classifier"}),
    ("1", {"block_1", "pooler", "classifier"}),
    ("2", {"pooler", "classifier"}),
    ("encoder", {"pooler", "classifier"}),
])
def test_trains_what_is_left(what, expected):
    model = bert_tf.BertClassifier(CONFIG, num_labels=2)
    freeze(model, what)
    assert trained_parts(model) == expected


@pytest.mark.parametrize("what", ["3", "0", "head"])
def test_refuses_other_parts(what):
    with pytest.raises(ValueError, match=rf"a number of layers in \[1, 2\]. Received: freeze='{what}'"):
        freeze(bert_tf.BertClassifier(CONFIG, num_labels=2), what)


def test_refuses_to_freeze_a_model_without_output_layers():
    model = bert_tf.BertSentencePairs(bert_tf.BertSentenceEmbedder(CONFIG))
    freeze(model, "1")
    with pytest.raises(ValueError, match="`freeze` to leave something to train. Received: freeze='2'"):
        freeze(model, "2")


def test_factors_fall_from_the_output_down():
    factors = learning_rate_factors(bert_tf.BertSpanPredictor(CONFIG), 0.5)
    assert factors == {"token_embedding/": 0.125, "embeddings/": 0.125, "block_0/": 0.25, "block_1/": 0.5}
    model = bert_tf.BertClassifier(CONFIG, num_labels=2)
    covered = [weight.path for weight in model.weights if weight.path.startswith(tuple(factors))]
    assert {path.split("/")[0] for path in covered} == {"token_embedding", "embeddings", "block_0", "block_1"}
