import functools

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import EncoderConfig
from bert_tf.export.frozen import FrozenModel
from bert_tf.export.parallel import ParallelModel
from bert_tf.export.saved_model import load_signatures, save_endpoint
from bert_tf.models.classifier import BertClassifier
from tests.export import heads, texts
from tests.export.heads import features
from tests.export.operations import CORE, TEXT_KERNELS, operations_of


def saved_shapes(folder):
    """The shapes of all that a SavedModel's checkpoint holds, without its object graph."""
    reader = tf.train.load_checkpoint(str(folder / "variables/variables"))
    return sorted(tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()
                  if "OBJECT_GRAPH" not in name)


@pytest.fixture(scope="module")
def saved_whole(tmp_path_factory):
    """A function from a head to its endpoint and the folder where that is saved whole; each is made once."""
    folder = tmp_path_factory.mktemp("whole")

    @functools.cache
    def saved(head):
        endpoint = heads.endpoint(head)
        save_endpoint(endpoint, folder / head)
        return endpoint, folder / head

    return saved


@pytest.mark.parametrize("head", ["classification", *(
    pytest.param(head, marks=pytest.mark.slow) for head in heads.HEADS if head != "classification")])
@pytest.mark.parametrize("freeze", [False, True])
def test_saved_signatures_answer_as_those_of_the_whole_model(head, freeze, saved_whole, tmp_path):
    endpoint, folder = saved_whole(head)
    save_endpoint(endpoint, tmp_path / "parts", tensor_parallel=2, freeze=freeze)
    whole, parts = load_signatures(folder), load_signatures(tmp_path / "parts")
    assert set(whole) == set(parts)
    for name, function in whole.items():
        if name == "from_ids":
            ids = features(endpoint.model) if head != "multiple_choice" else {
                key: values[:, tf.newaxis] for key, values in features(endpoint.model).items()}
            inputs = {key: values for key, values in ids.items() if key != "masked_positions"}
        else:
            inputs = texts.requests(function.structured_input_signature[1], texts.encoded()[:20])
            inputs = {key: tf.constant(column) for key, column in inputs.items()}
        expected, actual = function(**inputs), parts[name](**inputs)
        for key, values in expected.items():
            if values.dtype.is_floating:
                np.testing.assert_allclose(actual[key], values, atol=1e-4)
            else:
                np.testing.assert_array_equal(actual[key], values)
    stateless = {"PartitionedCall", "StatelessWhile"} if freeze else set()  # calls and loops without variables
    assert operations_of(tmp_path / "parts") - TEXT_KERNELS <= CORE | stateless


def test_saves_parts_in_place_of_what_they_are_of(saved_whole, tmp_path):
    endpoint, folder = saved_whole("classification")
    save_endpoint(endpoint, tmp_path / "parts", tensor_parallel=2)
    whole, parts = saved_shapes(folder), saved_shapes(tmp_path / "parts")
    assert sum(map(np.prod, parts)) == sum(map(np.prod, whole))
    # Queries, keys and values, the output of attention, both kernels of the feed-forward network.
    for shape, share in (((8, 24), (8, 12)), ((8, 16), (8, 8)), ((16, 8), (8, 8))):
        assert shape in whole and shape not in parts and parts.count(share) > whole.count(share)


@pytest.mark.parametrize("freeze", [False, True])
def test_parts_are_stored_in_the_type_that_they_are_used_in(freeze):
    config = EncoderConfig(vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16,
                           max_sequence_length=16, initializer_stddev=0.5)
    model = BertClassifier(config, labels=["no", "yes"], dtype="mixed_bfloat16")
    parallel, batch = ParallelModel(model, 2), features(model)
    answer = (FrozenModel(parallel) if freeze else parallel)(batch)["logits"]
    np.testing.assert_allclose(answer, model(batch, training=False)["logits"], atol=0.1)
    kernels = [variable for variable in parallel.saved_variables() if variable.shape in ((8, 12), (4, 8), (8, 8))]
    halves = [variable for variable in kernels if variable.dtype == tf.bfloat16]
    assert len(halves) == 2 * 2 * 4  # layers, parts, kernels


def test_refuses_one_part():
    with pytest.raises(ValueError, match="Expected two or more parts. Received: count=1."):
        ParallelModel(heads.model("classification"), 1)
