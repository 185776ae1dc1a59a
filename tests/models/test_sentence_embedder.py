import keras
import numpy as np
import pytest

from bert_tf.models.sentence_embedder import BertSentenceEmbedder
from tests.models.tiny import CONFIG, INPUTS, randomise


def test_embedding_is_the_mean_of_real_tokens():
    model = BertSentenceEmbedder(CONFIG)
    randomise(model)

    vectors = np.asarray(model.encoder(INPUTS)["sequence_output"])

    np.testing.assert_allclose(model(INPUTS)["embedding"][1], vectors[1, :3].mean(axis=0), atol=1e-5)


def test_padding_does_not_change_an_embedding():
    model = BertSentenceEmbedder(CONFIG, normalize=True)
    randomise(model)

    longer = {name: np.pad(value, ((0, 0), (0, 2))) for name, value in INPUTS.items()}

    np.testing.assert_allclose(model(longer)["embedding"], model(INPUTS)["embedding"], atol=1e-5)


@pytest.mark.parametrize("pooler", [True, False])
def test_saves_and_loads(pooler, tmp_path):
    model = BertSentenceEmbedder(CONFIG, pooling="max", normalize=True, max_length=5, pooler=pooler)
    randomise(model)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert loaded.get_config() == model.get_config()
    assert len(loaded.weights) == 29 + 2 * pooler
    np.testing.assert_array_equal(loaded(INPUTS)["embedding"], model(INPUTS)["embedding"])


def test_pooler_is_kept_but_not_trained(tmp_path):
    model = BertSentenceEmbedder(CONFIG)
    copy = BertSentenceEmbedder.from_config(model.get_config())

    for embedder in (model, copy):
        assert not [weight.path for weight in embedder.trainable_weights if weight.path.startswith("pooler/")]
        assert len(embedder.trainable_weights) == 29


@pytest.mark.parametrize("max_length", [1, 8, "5"])
def test_refuses_impossible_lengths(max_length):
    with pytest.raises(ValueError, match="`max_length` between 2 and `max_sequence_length`"):
        BertSentenceEmbedder(CONFIG, max_length=max_length)
