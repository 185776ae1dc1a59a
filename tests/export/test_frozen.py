import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import EncoderConfig
from bert_tf.export.frozen import FrozenModel
from bert_tf.export.saved_model import load_signatures, save_endpoint
from bert_tf.models.pretrainer import BertPretrainer
from tests.export import heads, texts
from tests.export.heads import features
from tests.export.operations import CORE, TEXT_KERNELS, operations_of


def constants(function):
    """All constants of a graph and of the functions that it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    return [tf.make_ndarray(node.attr["value"].tensor) for node in nodes if node.op == "Const"]


@pytest.mark.parametrize("head", ["pretraining", "classification", "tagging", "embedding"])
def test_gives_what_the_model_gives(head):
    model = heads.model(head)
    frozen, batch = FrozenModel(model), features(model)
    expected, actual = model(batch, training=False), frozen(batch)
    assert set(actual) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=1e-5)
    assert frozen.config is model.config and frozen(features(model, rows=1, seq=3))


def test_stores_in_bfloat16_what_is_computed_in_it():
    config = EncoderConfig(vocabulary_size=50, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=16,
                           max_sequence_length=16, initializer_stddev=0.5)
    model = BertPretrainer(config, dtype="mixed_bfloat16")
    frozen, batch = FrozenModel(model), features(model)
    for name, values in model(batch, training=False).items():
        np.testing.assert_allclose(frozen(batch)[name], tf.cast(values, tf.float32), atol=0.1)
    stored = {(value.shape, value.dtype.name) for value in constants(tf.function(frozen).get_concrete_function(batch))}
    for kernel in ((8, 24), (8, 8), (8, 16), (16, 8)):
        assert (kernel, "bfloat16") in stored and (kernel, "float32") not in stored


def test_cannot_be_trained():
    model = heads.model("classification")
    with pytest.raises(ValueError, match="Received: training=True"):
        FrozenModel(model)(features(model), training=True)


@pytest.mark.parametrize("head", [pytest.param("pretraining", marks=pytest.mark.slow), "classification",
                                  pytest.param("question_answering", marks=pytest.mark.slow)])
def test_saved_signatures_share_the_constants_and_answer_alike(head, tmp_path):
    endpoint = heads.endpoint(head)
    save_endpoint(endpoint, tmp_path / "plain")
    save_endpoint(endpoint, tmp_path / "frozen", freeze=True)
    plain, frozen = load_signatures(tmp_path / "plain"), load_signatures(tmp_path / "frozen")
    assert set(plain) == set(frozen)
    for name, function in plain.items():
        if name == "from_ids":
            continue
        inputs = {key: tf.constant(texts.encoded()[:20]) for key in function.structured_input_signature[1]}
        expected, actual = function(**inputs), frozen[name](**inputs)
        for key, values in expected.items():
            if values.dtype == tf.string:
                np.testing.assert_array_equal(actual[key], values)
            else:
                np.testing.assert_allclose(actual[key], values, atol=1e-4)
    # Without variables calls and loops have no state.
    assert operations_of(tmp_path / "frozen") - TEXT_KERNELS <= CORE | {"PartitionedCall", "StatelessWhile"}
    # Once for all signatures: the weights are some thousand floats.
    graphs = [(tmp_path / name / "saved_model.pb").stat().st_size for name in ("plain", "frozen")]
    assert graphs[1] - graphs[0] < 8 * endpoint.model.count_params() + 20_000
