"""The fused attention of JAX; on a computer without a GPU Pallas interprets the kernel. Skipped without JAX."""

import types

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from bert_tf.layers import kernels_jax  # noqa: E402
from bert_tf.layers.attention_jax import attend, runs_here  # noqa: E402
from bert_tf.layers.random_bits_jax import hashes, is_kept  # noqa: E402

BATCH, HEADS = 2, 2
MASKED_SCORE = -10_000.0
SEED = np.array([12345, 7], np.uint32)
ON_GPU = jax.default_backend() == "gpu"


def inputs(seq, head=16):
    random = np.random.default_rng(seq)
    vectors = random.normal(size=(BATCH, seq, 3 * HEADS * head)).astype("float32")
    padding_mask = (np.arange(seq) < np.array([[seq], [seq // 3]])).astype("int32")
    upstream = random.normal(size=(BATCH, seq, HEADS * head)).astype("float32")
    bias = random.normal(size=3 * HEADS * head).astype("float32")
    return vectors, bias, padding_mask, upstream


def plain(vectors, bias, padding_mask, rate):
    """The same without blocks, in float32."""
    vectors = vectors + bias
    seq, head = vectors.shape[1], vectors.shape[2] // (3 * HEADS)
    query, key, value = jnp.moveaxis(vectors.reshape(BATCH, seq, 3, HEADS, head), 2, 0)
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key, precision="highest") * head**-0.5
    probabilities = jax.nn.softmax(scores + MASKED_SCORE * (1 - padding_mask[:, None, None, :]), -1)
    if rate:
        padded = -(-seq // 64) * 64
        row, column = hashes(jnp.asarray(SEED), BATCH * HEADS * padded, padded)
        kept = is_kept(row.reshape(BATCH, HEADS, padded, 1), column, rate)[:, :, :seq, :seq]
        probabilities = jnp.where(kept, probabilities / (1 - rate), 0.0)
    return jnp.einsum("bhqk,bkhd->bqhd", probabilities, value, precision="highest").reshape(BATCH, seq, HEADS * head)


def fused(vectors, bias, padding_mask, rate):
    return attend(vectors, bias, padding_mask, HEADS, masked_score=MASKED_SCORE, rate=rate,
                  seed=jnp.asarray(SEED) if rate else None, interpret=not ON_GPU)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-2 if ON_GPU else 1e-5), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("seq, head", [(5, 16), (128, 64), (150, 16)])
def test_values_and_gradients_are_those_of_plain_attention(seq, head, rate, dtype, tolerance):
    vectors, bias, padding_mask, upstream = inputs(seq, head)
    vectors, bias = (value.astype(jnp.dtype(dtype)).astype("float32") for value in (vectors, bias))  # both are given it
    expected, pull_back = jax.vjp(lambda *given: plain(*given, padding_mask, rate), vectors, bias)
    result, pull_back_fused = jax.vjp(lambda *given: fused(*given, padding_mask, rate), jnp.asarray(vectors, dtype),
                                      jnp.asarray(bias, dtype))
    assert result.dtype == dtype
    np.testing.assert_allclose(np.asarray(result, "float32"), expected, atol=tolerance, rtol=tolerance)
    gradient, of_bias = pull_back_fused(jnp.asarray(upstream, dtype))
    expected, expected_of_bias = pull_back(upstream)
    np.testing.assert_allclose(np.asarray(gradient, "float32"), expected, atol=tolerance * 3, rtol=tolerance)
    # A sum over all tokens; that of a key's bias is 0 but for rounding, because all scores of a query move alike.
    assert of_bias.dtype == dtype
    np.testing.assert_allclose(np.asarray(of_bias, "float32"), expected_of_bias, rtol=tolerance,
                               atol=tolerance * np.abs(expected_of_bias).max())


def test_text_of_padding_alone_is_no_nan():
    vectors, bias, padding_mask, _ = inputs(64)
    assert np.isfinite(fused(vectors, bias, padding_mask * 0, 0.0)).all()


def test_padding_is_not_looked_at():
    vectors, bias, padding_mask, _ = inputs(100)
    changed = np.where(padding_mask[:, :, None] == 1, vectors, 50.0)
    real = padding_mask == 1
    np.testing.assert_array_equal(np.asarray(fused(vectors, bias, padding_mask, 0.0))[real],
                                  np.asarray(fused(changed, bias, padding_mask, 0.0))[real])


def test_other_seeds_drop_other_probabilities():
    vectors, bias, padding_mask, _ = inputs(64)
    first, second = (attend(vectors, bias, padding_mask, HEADS, masked_score=MASKED_SCORE, rate=0.1,
                            seed=jnp.array([1, number], jnp.uint32), interpret=not ON_GPU) for number in (1, 2))
    assert np.mean(np.abs(first - second) > 1e-3) > 0.9


@pytest.mark.parametrize("capability, count, head_dim, expected", [
    ("9.0", 1, 64, True), ("8.0", 1, 32, True), ("7.5", 1, 64, False), ("gfx90a", 1, 64, False), ("9.0", 2, 64, False),
    ("9.0", 1, 48, False), ("9.0", 1, 8, False)])
def test_is_for_one_gpu_that_can(capability, count, head_dim, expected, monkeypatch):
    class Device:
        compute_capability = capability

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: count)
    monkeypatch.setattr(jax, "devices", lambda: [Device()] * count)
    assert runs_here(head_dim, "bfloat16") is expected
    assert runs_here(head_dim, jnp.zeros(1, "bfloat16").dtype) is expected
    assert not runs_here(head_dim, jnp.zeros(1).dtype)
    monkeypatch.setattr(kernels_jax, "triton", None)  # as JAX has announced
    assert not runs_here(head_dim, "bfloat16")


@pytest.mark.parametrize("capability, expected", [("8.6", False), ("9.0", True), ("10.0", True), ("12.0", False)])
def test_reads_far_ahead_where_shared_memory_is_large(capability, expected, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda: [types.SimpleNamespace(compute_capability=capability)])
    assert kernels_jax.is_roomy() is expected


@pytest.mark.skipif(ON_GPU, reason="there is a GPU")
def test_without_a_gpu_attention_is_computed_in_single_operations():
    assert not runs_here(64, "bfloat16")
