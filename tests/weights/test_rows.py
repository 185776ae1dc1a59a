from bert_tf.config import EncoderConfig
from bert_tf.weights.rows import attention_by_head_rows, dense_rows, norm_rows
from bert_tf.weights.transfer import Row

CONFIG = EncoderConfig(vocabulary_size=12, num_layers=1, num_heads=2, hidden_dim=4, intermediate_dim=6)


def test_dense_layers_of_one_and_of_several_sources():
    assert dense_rows("ours", "theirs", 4, 6) == [
        Row("ours/kernel", ("theirs/kernel",), (4, 6)), Row("ours/bias", ("theirs/bias",), (6,))]
    assert dense_rows("ours", ["a", "b"], 4, 2) == [
        Row("ours/kernel", ("a/kernel", "b/kernel"), (4, 2)), Row("ours/bias", ("a/bias", "b/bias"), (2,))]


def test_norm():
    assert norm_rows("ours", "theirs", 4) == [
        Row("ours/gamma", ("theirs/gamma",), (4,)), Row("ours/beta", ("theirs/beta",), (4,))]


def test_attention_kernels_are_split_by_heads():
    rows = {row.target: row for row in attention_by_head_rows("ours", "theirs", CONFIG)}

    assert rows["ours/query_key_value/kernel"] == Row(
        "ours/query_key_value/kernel", ("theirs/query/kernel", "theirs/key/kernel", "theirs/value/kernel"), (4, 2, 2))
    assert rows["ours/query_key_value/bias"].shape == (2, 2)
    assert rows["ours/output/kernel"] == Row("ours/output/kernel", ("theirs/attention_output/kernel",), (2, 2, 4))
    assert rows["ours/output/bias"].shape == (4,)
