import keras
import numpy as np
import pytest

from bert_tf.training.schedule import WarmupLinearDecay


def test_rises_and_falls_by_literal_values():
    schedule = WarmupLinearDecay(1.0, steps=6, warmup_steps=2)
    np.testing.assert_allclose([float(schedule(step)) for step in range(8)], [0.5, 1, 0.8, 0.6, 0.4, 0.2, 0, 0],
                               atol=1e-6)


def test_without_warm_up_starts_at_the_peak():
    schedule = WarmupLinearDecay(0.1, steps=4)
    np.testing.assert_allclose([float(schedule(step)) for step in range(5)], [0.08, 0.06, 0.04, 0.02, 0], atol=1e-7)


def test_round_trips_through_its_config():
    schedule = WarmupLinearDecay(0.1, steps=10, warmup_steps=3)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert copy.get_config() == schedule.get_config()


def test_refuses_a_warm_up_longer_than_the_run():
    with pytest.raises(ValueError, match="warmup_steps=11, steps=10"):
        WarmupLinearDecay(0.1, steps=10, warmup_steps=11)
