import keras
import numpy as np
import pytest
import tensorflow as tf

import bert_tf
import bert_tf.training.distributed as distributed_module
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.training.distributed import DistributedSteps, distributed
from bert_tf.training.lamb import Lamb
from bert_tf.training.optimizer import AdamW
from bert_tf.training.strategy import make_strategy
from tests.models.tiny import CONFIG, INPUTS, randomise
from tests.training.devices import STRATEGIES, assert_same_training, trained
from tests.training.problems import batch, endless_batches, tiny_model


def reference_loss(model, data):
    """Sum of weighted cross-entropies over sum of weights, per output, in float64 NumPy."""
    inputs, labels, weights = data
    total = 0
    for name, logits in model(inputs).items():
        logits = np.asarray(logits, "float64")
        log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        losses = -np.take_along_axis(log_probabilities, labels[name][..., None], -1)[..., 0]
        total += (losses * weights[name]).sum() / weights[name].sum()
    return total


def test_loss_is_normalised_by_the_weights_and_averaged_by_them():
    model = tiny_model()
    data, other = batch(0), batch(1, rows=4)
    result = model.evaluate(tf.data.Dataset.from_tensors(data), return_dict=True, verbose=0)
    np.testing.assert_allclose(result["loss"], reference_loss(model, data), rtol=1e-5)
    assert set(result) == {"loss", "masked_lm_loss", "masked_lm_accuracy", "next_sentence_loss",
                           "next_sentence_accuracy"}
    # Over batches of different sizes: as if all rows had been in one.
    both = tf.nest.map_structure(lambda a, b: np.concatenate([a, b]), data, other)
    np.testing.assert_allclose(model.evaluate(tf.data.Dataset.from_tensor_slices(both).batch(5), return_dict=True,
                                              verbose=0)["loss"], reference_loss(model, both), rtol=1e-5)


def test_two_devices_train_as_one():
    # The second half of each batch has a third of the first half's masked tokens.
    one, two = trained("one_device", 4), trained("mirrored", 4)
    assert two[0].distribute_strategy.num_replicas_in_sync == 2
    assert_same_training(one, two)


def test_results_of_each_step_are_those_of_all_devices():
    seen = []
    recorder = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
    _, history = trained("mirrored", callbacks=[recorder])
    for step, logs in enumerate(seen):
        assert logs == pytest.approx({name: values[step] for name, values in history.items()})


def test_rows_that_two_devices_cannot_share_equally_are_evaluated_alike():
    data = tf.data.Dataset.from_tensor_slices(batch(rows=7)).batch(4)
    one, two = (trained(strategy, 1)[0].evaluate(data, verbose=0, return_dict=True) for strategy in STRATEGIES)
    assert one == pytest.approx(two, abs=1e-5)


@pytest.mark.slow
def test_devices_drop_different_elements(monkeypatch):
    """Both devices get the same rows: with the same masks they train as one device does on half of the batch."""
    rows = batch(rows=4)
    twice = tf.nest.map_structure(lambda array: np.concatenate([array, array]), rows)
    half, whole = (tf.data.Dataset.from_tensors(data).repeat() for data in (rows, twice))
    one = trained(dropout=0.5, batches=half)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_training(one, trained("mirrored", dropout=0.5, batches=whole), atol=1e-3)
    monkeypatch.setattr(distributed_module, "_replica", lambda: None)
    assert_same_training(one, trained("mirrored", dropout=0.5, batches=whole))


def test_fit_learns_and_evaluate_and_predict_work_under_two_devices():
    strategy = make_strategy("mirrored")
    with strategy.scope():
        model = tiny_model()
    data = tf.data.Dataset.from_tensors(batch()).repeat()
    history = model.fit(data, steps_per_epoch=10, epochs=4, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert model.evaluate(data, steps=1, return_dict=True, verbose=0)["loss"] < history["loss"][0]


def test_our_optimisers_clip_the_global_batch_in_keras_own_step_too():
    """Each half alone would be clipped to the limit, and their gradients nearly cancel out."""
    x, y = np.array([[1.0], [1.0]], "float32"), np.array([[1.0], [-1.1]], "float32")
    kernels = []
    for strategy in STRATEGIES:
        with make_strategy(strategy).scope():
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "linear", False, "zeros")])
            model.compile(Lamb(0.1, beta_1=0.0, epsilon=1.0, global_clipnorm=0.2), "mse")
        model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(2), verbose=0)
        kernels.append(model.get_weights()[0].item())
    # The mean of the gradients, -2 and 2.2, is 0.1: not clipped.
    assert kernels == pytest.approx([-0.1 * 0.1 / (0.1 + 1.0)] * 2, rel=1e-4)


def test_one_tensor_of_weights_is_for_every_output():
    model = bert_tf.BertClassifier(CONFIG, num_labels=3)
    randomise(model)
    model.compile("sgd")
    labels, weights = {"logits": np.array([0, 2, 1])}, np.array([1, 0, 3], "float32")
    outputs = model(INPUTS)
    losses = model.element_losses(labels, outputs)["logits"].numpy()
    expected = pytest.approx((losses[0] + 3 * losses[2]) / 4, rel=1e-5)
    data = tf.data.Dataset.from_tensors((INPUTS, labels, weights))
    assert float(model.compute_loss(INPUTS, labels, outputs, weights)) == expected
    assert model.evaluate(data, verbose=0, return_dict=True)["loss"] == expected
    assert model.fit(data, verbose=0).history["loss"][0] == expected


def test_refuses_weights_that_fit_no_output():
    inputs, labels, weights = batch()
    for wrong, message in (
            (weights | {"mlm": weights["masked_lm"]}, "sample weights of the outputs masked_lm, next_sentence"),
            (weights["next_sentence"], "sample weights of `masked_lm` with 2 axes.* Received: axes=1")):
        with pytest.raises(ValueError, match=message):
            tiny_model(num_layers=1).evaluate(tf.data.Dataset.from_tensors((inputs, labels, wrong)), verbose=0)


def test_another_loss_is_kerass_business():
    model = tiny_model()
    model.compile("sgd", loss={name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                               for name in ("masked_lm", "next_sentence")})
    history = model.fit(tf.data.Dataset.from_tensors(batch()[:2]), verbose=0)
    assert "masked_lm_accuracy" not in history.history and np.isfinite(history.history["loss"][0])


def test_extra_metrics_of_the_user_are_kept():
    model = tiny_model(weighted_metrics={"next_sentence": [keras.metrics.SparseCategoricalAccuracy(name="sca")]})
    result = model.evaluate(tf.data.Dataset.from_tensors(batch()), return_dict=True, verbose=0)
    assert result["next_sentence_sca"] == pytest.approx(result["next_sentence_accuracy"])


def test_public_classes_are_composed_once():
    assert issubclass(bert_tf.BertPretrainer, DistributedSteps)
    assert distributed(BertPretrainer) is bert_tf.BertPretrainer is distributed(bert_tf.BertPretrainer)
    assert distributed(keras.layers.Dense) is keras.layers.Dense


def test_a_saved_model_goes_on_training_where_it_was(tmp_path):
    model = tiny_model()
    model.fit(endless_batches(), steps_per_epoch=3, verbose=0, shuffle=False)
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    assert type(loaded) is bert_tf.BertPretrainer
    results = [each.fit(endless_batches(3), steps_per_epoch=3, verbose=0, shuffle=False).history["loss"][0]
               for each in (model, loaded)]
    assert results[0] == pytest.approx(results[1], abs=1e-6)


@pytest.mark.parametrize("own", [
    {}, {"weighted_metrics": {"next_sentence": ["accuracy"]}},
    {"loss": {"masked_lm": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              "next_sentence": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}}],
    ids=["the task's", "a metric", "a loss"])
def test_a_step_is_traced_once(own, monkeypatch):
    traced = []
    step = DistributedSteps.train_step
    monkeypatch.setattr(DistributedSteps, "train_step", lambda self, data: traced.append(self) or step(self, data))
    model = tiny_model()
    model.compile(AdamW(1e-3), **own)
    data = tf.data.Dataset.from_tensors(batch()).repeat(2)
    assert not model.optimizer.built
    model.evaluate(data, verbose=0)
    assert not model.optimizer.built  # its variables take twice the memory of the model
    model.compile(AdamW(1e-3), **own)
    model.fit(data, verbose=0, shuffle=False)
    assert len(traced) == 1 and int(model.optimizer.iterations) == 2
