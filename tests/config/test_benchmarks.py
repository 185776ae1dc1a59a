import pytest

from bert_tf.config import BenchmarkConfig


@pytest.mark.parametrize("field, value, error", [
    ("size", "huge", "`size` to be one of tiny, mini"), ("backend", "torch", "`backend` to be one of tensorflow, jax"),
    ("repeats", 0, "`repeats` >= 1"), ("contestants", "(", "`contestants` to be a regular expression"),
    ("sequence_length", 1024, r"`sequence_length` in \[8, 512\]")])
def test_refuses(field, value, error):
    with pytest.raises(ValueError, match=error):
        BenchmarkConfig(**{field: value})


def test_contestants_are_chosen_by_their_names():
    assert BenchmarkConfig().takes_part("KerasHub, float32")
    config = BenchmarkConfig(contestants="bert_tf|KerasHub, f")
    assert config.takes_part("KerasHub, float32") and not config.takes_part("KerasHub, mixed_bfloat16")
