import keras
import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.training.lora import enable_lora, merged
from bert_tf.training.strategy import make_strategy
from tests.models.tiny import CONFIG, INPUTS, randomise

PAIRS = {name: np.stack([value, value[::-1]], axis=1) for name, value in INPUTS.items()}  # (batch, 2, seq)


def pairs_model(**arguments):
    embedder = bert_tf.BertSentenceEmbedder(CONFIG, pooling="cls")
    randomise(embedder)
    return bert_tf.BertSentencePairs(embedder, **arguments)


def cosines(first, second):
    first, second = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (first, second))
    return first @ second.T


def test_embeds_both_texts_alike():
    model = pairs_model()
    embedding = np.asarray(model(PAIRS)["embedding"])
    assert embedding.shape == (3, 2, 4)
    np.testing.assert_allclose(embedding[:, 0], model.embedder(INPUTS)["embedding"], atol=1e-6)
    np.testing.assert_allclose(embedding[:, 1], embedding[::-1, 0], atol=1e-6)


def test_scores_are_what_the_cosine_should_be():
    model = pairs_model()
    embedding = np.asarray(model(PAIRS)["embedding"])
    scores = np.array([0.0, 0.5, 1.0], "float32")
    losses = model.element_losses({"embedding": scores}, {"embedding": embedding})["embedding"]
    np.testing.assert_allclose(losses, (np.diag(cosines(embedding[:, 0], embedding[:, 1])) - scores) ** 2, atol=1e-5)


def test_negatives_are_the_others_of_the_batch():
    model = pairs_model(objective="negatives", scale=5.0)
    embedding = np.random.default_rng(0).normal(size=(3, 2, 4)).astype("float32")
    scores = 5 * cosines(embedding[:, 0], embedding[:, 1])
    expected = np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)
    np.testing.assert_allclose(model.element_losses(None, {"embedding": embedding})["embedding"], expected, atol=1e-5)
    np.testing.assert_array_equal(model.element_metrics(None, {"embedding": embedding})["embedding"]["accuracy"],
                                  scores.argmax(axis=1) == np.arange(3))


@pytest.mark.parametrize("objective", ["scores", "negatives"])
def test_trains_the_embedder_in_place(objective):
    model = pairs_model(objective=objective)
    # The middle text is paired with itself: a cosine of 1 that nothing can change.
    labels = {"embedding": np.array([-0.9, 1.0, -0.9], "float32")}
    before = np.asarray(model.embedder(INPUTS)["embedding"])
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(PAIRS, labels, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert np.abs(np.asarray(model.embedder(INPUTS)["embedding"]) - before).max() > 1e-3
    assert not [weight.path for weight in model.trainable_weights if weight.path.startswith("pooler/")]


def test_a_device_may_have_no_pairs():
    """The second batch is one pair for two devices, and every pair is alone on its device: a loss of nothing."""
    with make_strategy("mirrored").scope():
        model = pairs_model(objective="negatives")
        model.compile(keras.optimizers.SGD(0.1))
    batches = tf.data.Dataset.from_tensor_slices((PAIRS, {"embedding": np.ones(3, "float32")})).batch(2)
    assert model.fit(batches, verbose=0, shuffle=False).history == {
        "loss": [0.0], "embedding_loss": [0.0], "embedding_accuracy": [1.0]}


def test_accumulation_would_take_negatives_away():
    with pytest.raises(ValueError, match="no `accumulate` beside a loss that compares all rows of a batch"):
        pairs_model(objective="negatives").compile(keras.optimizers.SGD(0.1), accumulate=2)
    pairs_model().compile(keras.optimizers.SGD(0.1), accumulate=2)


def test_saves_and_loads(tmp_path):
    model = pairs_model(objective="negatives", scale=5.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is bert_tf.BertSentencePairs and loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded(PAIRS)["embedding"], model(PAIRS)["embedding"])


def test_takes_low_rank_updates():
    model = pairs_model()
    enable_lora(model, 1)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(PAIRS, {"embedding": np.zeros(3, "float32")}, epochs=2, verbose=0)
    np.testing.assert_allclose(merged(model.embedder)(INPUTS)["embedding"], model.embedder(INPUTS)["embedding"],
                               atol=1e-5)


def test_refuses_another_objective():
    with pytest.raises(ValueError, match="`objective` to be one of scores, negatives. Received: objective='triplets'"):
        pairs_model(objective="triplets")
