import keras
import numpy as np
import pytest
import tensorflow as tf

import bert_tf
from bert_tf.training.micro_batches import add_up
from bert_tf.training.optimizer import AdamW
from bert_tf.training.strategy import make_strategy
from tests.training.devices import STRATEGIES, assert_same_training, trained
from tests.training.problems import batch, tiny_model


def batches(rows, drop_weights=False):
    inputs, labels, weights = batch(rows=rows)
    data = (inputs, labels) if drop_weights else (inputs, labels, weights)
    return tf.data.Dataset.from_tensors(data).repeat()


def test_adds_up_consecutive_rows():
    data = {"x": tf.range(6), "none": None}
    parts = []

    def compute(part):
        parts.append(part["x"])
        return {"sum": tf.reduce_sum(part["x"]), "first": part["x"][0]}

    assert tf.nest.map_structure(int, add_up(compute, data, 3)) == {"sum": 15, "first": 0 + 2 + 4}
    assert parts[0].numpy().tolist() == [0, 1]


@pytest.mark.parametrize(("rows", "expected"), [(7, [[0, 1], [2, 3], [4, 5, 6]]), (2, [[], [0], [1]])])
def test_parts_differ_by_a_row_where_they_cannot_be_equal(rows, expected):
    parts = []

    def compute(part):
        parts.append(part.numpy().tolist())
        return tf.reduce_sum(part)

    assert int(add_up(compute, tf.range(rows), 3)) == sum(range(rows))
    assert parts == expected


@pytest.mark.parametrize("strategy", ["one_device", pytest.param("mirrored", marks=pytest.mark.slow)])
def test_four_times_eight_equals_thirty_two(strategy):
    """The first half of the rows has three times the second half's masked tokens, so that the parts differ."""
    whole = trained(batches=batches(32), steps=3)
    parts = trained(strategy, batches=batches(32), steps=3, accumulate=4 if strategy == "one_device" else 2)
    assert_same_training(whole, parts)


@pytest.mark.slow
def test_rows_without_weights_count_alike_on_all_devices():
    whole = trained(batches=batches(8, drop_weights=True))
    assert_same_training(whole, trained("mirrored", batches=batches(8, drop_weights=True), accumulate=2))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_that_it_does_not_divide_train_as_the_whole(strategy):
    """Seven rows in parts of 2, 2 and 3; on two devices one has 4 of them, the other 3."""
    whole = trained(batches=batches(7))
    assert_same_training(whole, trained(strategy, batches=batches(7), accumulate=3))


@pytest.mark.slow
def test_so_do_rows_that_are_known_in_the_step_only():
    """Batches of 4 and 3 rows in five parts, of which some are empty."""
    unknown = tf.data.Dataset.from_tensor_slices(batch(rows=7)).batch(4).repeat()
    assert_same_training(trained(batches=unknown), trained(batches=unknown, accumulate=5))


def test_metrics_of_the_user_see_every_part():
    metrics = {"next_sentence": [keras.metrics.SparseCategoricalAccuracy(name="sca")]}
    _, history = trained(batches=batches(8), accumulate=4, weighted_metrics=metrics)
    assert history["next_sentence_sca"] == pytest.approx(history["next_sentence_accuracy"])


def test_the_accumulation_of_keras_is_refused_under_a_strategy():
    with make_strategy("mirrored").scope(), pytest.raises(
            ValueError, match=r"`compile\(accumulate=...\)` works under all. Received: gradient_accumulation_steps=4"):
        tiny_model(optimizer=AdamW(gradient_accumulation_steps=4))


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="`accumulate` >= 1. Received: accumulate=0"):
        tiny_model(accumulate=0)
    with pytest.raises(ValueError, match="no `loss` beside `accumulate`"):
        tiny_model(accumulate=2, loss={"masked_lm": "mse", "next_sentence": "mse"})


def test_options_survive_a_keras_file(tmp_path):
    model, _ = trained(accumulate=2, skip_nonfinite=True, rematerialize=True)
    model.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")
    assert type(loaded) is bert_tf.BertPretrainer
    config = loaded.get_compile_config()
    assert [config[name] for name in ("accumulate", "skip_nonfinite", "rematerialize", "jit_compile")] == [
        2, True, True, "auto"]
    assert "skipped_batches" in [metric.name for metric in loaded.metrics]
    np.testing.assert_array_equal([block.rematerialize for block in loaded.encoder.blocks], True)
