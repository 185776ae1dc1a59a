import numpy as np
import pytest

from bert_tf.data import encoded
from bert_tf.data.encoded import EncodedExamples

COUNT = 107


@pytest.fixture(scope="module")
def examples():
    """107 examples of 2 to 30 tokens; example i has only tokens i + 1, and label i."""
    lengths = np.random.default_rng(0).integers(2, 31, COUNT)
    return EncodedExamples(
        token_ids=np.repeat(np.arange(1, COUNT + 1), lengths).astype("int32"),
        row_splits=np.concatenate([[0], np.cumsum(lengths)]), first_lengths=(lengths // 2).astype("int32"),
        sources=np.arange(COUNT, dtype="int32"), pad_id=0, labels={"logits": np.arange(COUNT, dtype="int32")})


def take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def numbers(batches):
    return np.concatenate([labels["logits"] for _, labels, _ in batches])


def test_a_batch_holds_the_tokens_of_its_examples(examples):
    for inputs, labels, weights in take(examples.training_batches(8), 14):
        lengths = examples.lengths[labels["logits"]]
        width = inputs["token_ids"].shape[1]
        assert width == lengths.max()
        position = np.arange(width)
        real = position < lengths[:, None]
        np.testing.assert_array_equal(inputs["padding_mask"], real)
        np.testing.assert_array_equal(inputs["token_ids"], real * (labels["logits"][:, None] + 1))
        np.testing.assert_array_equal(inputs["segment_ids"], real & (position >= lengths[:, None] // 2))
        assert weights["logits"].tolist() == [1] * len(lengths)
        assert {values.dtype for values in inputs.values()} == {np.dtype("int32")}


def test_every_example_is_once_in_an_epoch_and_none_is_lost(examples):
    steps = examples.steps_per_epoch(8)
    assert steps == 14
    batches = take(examples.training_batches(8, seed=3), 3 * steps)
    sizes = [len(inputs["token_ids"]) for inputs, _, _ in batches]
    for epoch in range(3):
        part = slice(epoch * steps, (epoch + 1) * steps)
        assert sorted(numbers(batches[part])) == list(range(COUNT))
        assert sorted(sizes[part]) == [3] + [8] * 13


def test_the_same_seed_gives_the_same_batches_and_every_epoch_another_order(examples):
    one = numbers(take(examples.training_batches(8, seed=1), 28))
    assert (one == numbers(take(examples.training_batches(8, seed=1), 28))).all()
    assert (one[:COUNT] != one[COUNT:2 * COUNT]).any()
    assert (one != numbers(take(examples.training_batches(8, seed=2), 28))[:len(one)]).any()


@pytest.mark.parametrize("first_batch", [5, 14, 31])
def test_goes_on_at_any_batch(examples, first_batch):
    expected = numbers(take(examples.training_batches(8), 40)[first_batch:])
    assert (numbers(take(examples.training_batches(8, first_batch=first_batch), 40 - first_batch)) == expected).all()


def test_little_is_padding_but_examples_mix(examples, monkeypatch):
    # Half of the tokens would be padding without sorting.
    masks = [inputs["padding_mask"] for inputs, _, _ in take(examples.training_batches(8), 14)]
    assert sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks) > 0.8
    # In small windows the same length is not always in the same company.
    monkeypatch.setattr(encoded, "WINDOW_BATCHES", 4)
    batches = take(examples.training_batches(4, seed=5), 54)
    together = [{frozenset(labels["logits"]) for _, labels, _ in part} for part in (batches[:27], batches[27:])]
    assert not together[0] & together[1]


def test_lengths_do_not_rise_through_an_epoch(examples):
    widths = [inputs["token_ids"].shape[1] for inputs, _, _ in take(examples.training_batches(8), 14)]
    assert widths != sorted(widths)


def test_evaluation_gives_every_example_once_and_results_find_their_place(examples):
    batches = list(examples.evaluation_batches(8).as_numpy_iterator())
    assert len(batches) == 14
    order = numbers(batches)
    assert order.tolist() == examples.by_length().tolist()
    assert examples.in_order([f"result {number}" for number in order]) == [f"result {n}" for n in range(COUNT)]
    with pytest.raises(ValueError, match="examples=107, results=2"):
        examples.in_order([1, 2])


def test_several_rows_make_an_example():
    examples = EncodedExamples(
        token_ids=np.arange(1, 11, dtype="int32"), row_splits=np.array([0, 1, 3, 6, 10]),
        first_lengths=np.array([1, 2, 3, 2], "int32"), sources=np.arange(2, dtype="int32"), pad_id=0,
        rows_per_example=2)
    assert len(examples) == 2 and examples.lengths.tolist() == [2, 4]
    (inputs, labels, weights), = examples.evaluation_batches(4).as_numpy_iterator()
    assert inputs["token_ids"].tolist() == [[[1, 0, 0, 0], [2, 3, 0, 0]], [[4, 5, 6, 0], [7, 8, 9, 10]]]
    assert inputs["segment_ids"][1].tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    assert (labels, weights) == ({}, {})


def test_refuses_no_examples_and_no_batch_size(examples):
    with pytest.raises(ValueError, match="batch_size=0"):
        examples.training_batches(0)
    empty = EncodedExamples(np.zeros(0, "int32"), np.zeros(1, "int64"), np.zeros(0, "int32"), np.zeros(0, "int32"), 0)
    with pytest.raises(ValueError, match="at least one example"):
        empty.evaluation_batches(8)


def test_batches_end_at_once(examples):
    for batches in (examples.training_batches(8), examples.evaluation_batches(8)):
        assert batches.options().autotune.enabled is False
