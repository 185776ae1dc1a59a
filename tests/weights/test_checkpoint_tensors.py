import numpy as np
import pytest
import tensorflow as tf

from bert_tf.weights.checkpoint_tensors import CheckpointTensors


def test_name_based_checkpoint(tmp_path):
    prefix = tmp_path / "model.ckpt"
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=["bert/a", "bert/a/adam_m"], shape_and_slices=["", ""],
                      tensors=[np.arange(3.0), np.zeros(3)])

    source = CheckpointTensors(prefix)

    assert not source.is_object_graph
    assert source.shapes == {"bert/a": (3,), "bert/a/adam_m": (3,)}
    np.testing.assert_array_equal(source.read("bert/a"), np.arange(3.0))
    assert source.place_of("bert/a") == str(prefix)


@pytest.mark.parametrize(("name", "reason"), [
    ("bert/pooler/dense/kernel", None),
    ("bert/pooler/dense/kernel/adam_m", "state of the optimiser"),
    ("bert/pooler/dense/kernel/LAMB_v", "state of the optimiser"),
    ("bert/pooler/dense/kernel/Adam_1", "state of the optimiser"),
    ("beta1_power", "state of the optimiser"),
    ("model/a/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE", "state of the optimiser"),
    ("optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE", "state of the optimiser"),
    ("save_counter/.ATTRIBUTES/VARIABLE_VALUE", "bookkeeping of the checkpoint"),
    ("global_step", "bookkeeping of the checkpoint"),
    ("my_global_step", None),
])
def test_reasons_to_drop(name, reason, tmp_path):
    prefix = tmp_path / "model.ckpt"
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=["a"], shape_and_slices=[""], tensors=[np.zeros(1)])

    assert CheckpointTensors(prefix).why_dropped(name) == reason


def test_object_graph_keeps_keys_of_what_is_no_encoder(tmp_path):
    encoder = tf.Module()
    encoder.first = tf.Variable(np.ones(2), name="bert_encoder/word_embeddings/embeddings")
    encoder.second = tf.Variable(np.ones(3), name="words")
    tf.train.Checkpoint(encoder=encoder).write(str(tmp_path / "ckpt"))

    source = CheckpointTensors(tmp_path / "ckpt")

    assert source.is_object_graph
    assert source.shapes["word_embeddings/embeddings"] == (2,)
    assert source.shapes["encoder/second/.ATTRIBUTES/VARIABLE_VALUE"] == (3,)


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ValueError, match=f"Expected a readable TensorFlow checkpoint at {tmp_path}/gone"):
        CheckpointTensors(tmp_path / "gone")
