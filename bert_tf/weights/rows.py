"""Rows for the parts of a BERT whose tensors are laid out alike in several formats; kernels are (in, out) as ours."""

from bert_tf.config import EncoderConfig
from bert_tf.weights.transfer import Row


def embedding_rows(config: EncoderConfig, token: str, position: str, segment: str) -> list[Row]:
    """The three tables; the arguments are their foreign names."""
    return [Row("token_embedding/embeddings", (token,), (config.vocabulary_size, config.hidden_dim)),
            Row("embeddings/position_embedding", (position,), (config.max_sequence_length, config.hidden_dim)),
            Row("embeddings/segment_embedding", (segment,), (config.num_segments, config.hidden_dim))]


def dense_rows(target: str, sources: str | list[str], inputs: int, outputs: int) -> list[Row]:
    """A dense layer; several sources, each `outputs` wide, lie side by side in ours."""
    sources = [sources] if isinstance(sources, str) else sources
    return [Row(f"{target}/kernel", tuple(f"{name}/kernel" for name in sources), (inputs, outputs)),
            Row(f"{target}/bias", tuple(f"{name}/bias" for name in sources), (outputs,))]


def norm_rows(target: str, source: str, hidden: int) -> list[Row]:
    """A layer normalisation."""
    return [Row(f"{target}/{name}", (f"{source}/{name}",), (hidden,)) for name in ("gamma", "beta")]


def attention_by_head_rows(target: str, source: str, config: EncoderConfig) -> list[Row]:
    """Self-attention with kernels that are split by heads, as Keras' `MultiHeadAttention` has them."""
    hidden, heads = config.hidden_dim, config.num_heads
    size = hidden // heads
    names = [f"{source}/{name}" for name in ("query", "key", "value")]
    return [Row(f"{target}/query_key_value/kernel", tuple(f"{name}/kernel" for name in names), (hidden, heads, size)),
            Row(f"{target}/query_key_value/bias", tuple(f"{name}/bias" for name in names), (heads, size)),
            Row(f"{target}/output/kernel", (f"{source}/attention_output/kernel",), (heads, size, hidden)),
            Row(f"{target}/output/bias", (f"{source}/attention_output/bias",), (hidden,))]
