import keras
import numpy as np
import pytest

from bert_tf.layers.encoder_block import EncoderBlock
from tests.checks import check_layer

HIDDEN = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")  # (batch, seq, hidden)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")


def test_keeps_the_layer_contract():
    check_layer(EncoderBlock(2, 6, dropout=0.1, attention_dropout=0.1), HIDDEN, MASK, output_shape=(2, 5, 4),
                num_weights=12)


def test_composes_its_parts_with_residuals_and_norms():
    block = EncoderBlock(2, 6, initializer_stddev=1.0)
    result, weights = block(HIDDEN, MASK, return_attention_weights=True)
    attended, expected_weights = block.attention(HIDDEN, MASK, return_attention_weights=True)
    attended = block.attention_norm(HIDDEN + attended)
    np.testing.assert_array_equal(result, block.output_norm(attended + block.feed_forward(attended)))
    np.testing.assert_array_equal(weights, expected_weights)
    np.testing.assert_allclose(np.mean(result, -1), 0, atol=1e-6)  # the norm comes last
    np.testing.assert_allclose(np.std(result, -1), 1, atol=1e-5)


def test_passes_its_numbers_on():
    block = EncoderBlock(2, 6, activation="silu", attention_dropout=0.3, layer_norm_epsilon=1e-3,
                         initializer_stddev=0.5)
    assert (block.attention.dropout, block.attention.initializer_stddev) == (0.3, 0.5)
    assert (block.feed_forward.activation, block.feed_forward.initializer_stddev) == ("silu", 0.5)
    assert block.attention_norm.epsilon == block.output_norm.epsilon == 1e-3


def test_drops_both_branches_before_the_residual():
    """With (almost) everything dropped the norms see the residual alone."""
    block = EncoderBlock(2, 6, dropout=1 - 1e-9, initializer_stddev=1.0)
    block.build(HIDDEN.shape)
    result = block(HIDDEN, MASK, training=True)
    np.testing.assert_allclose(result, block.output_norm(block.attention_norm(HIDDEN)), atol=1e-5)


def test_norms_are_float32_inside_under_mixed_precision():
    """Variance near 1e-12 would vanish in float16; the block's own norm keeps it."""
    norm = EncoderBlock(2, 6, dtype="mixed_float16").output_norm
    tiny = np.array([[[1e-5, -1e-5, 2e-5, -2e-5]]], "float16")
    assert norm(tiny).dtype == "float16"
    np.testing.assert_allclose(np.std(norm(tiny).numpy().astype("float32")), 1, atol=0.01)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "float64"])
def test_symbolic_results_have_the_types_and_shapes_of_the_real_ones(policy):
    block = EncoderBlock(2, 6, dtype=policy)
    mask = keras.Input(batch_shape=MASK.shape, dtype="int32")
    symbolic = block(keras.Input(batch_shape=HIDDEN.shape), mask, return_attention_weights=True)
    real = block(HIDDEN, MASK, return_attention_weights=True)
    for one, other in zip(symbolic, real, strict=True):
        assert (one.shape, one.dtype) == (tuple(other.shape), keras.backend.standardize_dtype(other.dtype))
    assert block(keras.Input((None, 4)), keras.Input((None,), dtype="int32")).shape == (None, None, 4)
