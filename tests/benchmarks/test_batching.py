import numpy as np
import pytest

from bert_tf.benchmarks.batching import load_layout, padded, rows_of, save_layouts

LENGTHS = ([3, 2], [5, 4])


def batch_of(lengths, start):
    rows = [np.arange(start + 10 * number, start + 10 * number + length) for number, length in enumerate(lengths)]
    positions = [np.arange(1, 1 + length // 2) for length in lengths]
    values = [{"token_ids": ids, "segment_ids": ids % 2, "padding_mask": ids * 0 + 1, "masked_positions": place,
               "masked_labels": place + 7, "masked_weights": place * 0 + 1.0, "next_sentence_label": np.array(1)}
              for ids, place in zip(rows, positions, strict=True)]
    return padded(values)


BATCHES = [batch_of(lengths, 100 * (number + 1)) for number, lengths in enumerate(LENGTHS)]


def test_pads_to_the_longest_or_to_a_length():
    assert BATCHES[0]["token_ids"].tolist() == [[100, 101, 102], [110, 111, 0]]
    assert BATCHES[0]["padding_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert BATCHES[1]["masked_labels"].tolist() == [[8, 9], [8, 9]]
    wide = padded(rows_of(BATCHES[:1]), 6, 3)
    assert wide["segment_ids"].shape == (2, 6) and wide["masked_positions"].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert wide["next_sentence_label"].tolist() == [1, 1]


@pytest.mark.parametrize("layout, widths", [("by_length", [3, 5]), ("dynamic", None), ("fixed", [8, 8])])
def test_layouts_hold_the_same_examples(tmp_path, layout, widths):
    assert save_layouts(BATCHES, tmp_path / "batches.npz", length=8, seed=3) == sum(map(sum, LENGTHS))
    batches = load_layout(tmp_path / "batches.npz", layout)
    if widths:
        assert [batch["token_ids"].shape for batch in batches] == [(2, width) for width in widths]
    for batch in batches:
        if layout != "fixed":
            assert batch["padding_mask"].sum(axis=1).max() == batch["token_ids"].shape[1]
    for name in ("token_ids", "masked_labels"):
        def content(some, name=name):
            return sorted(row[name].tolist() for row in rows_of(some))
        assert content(batches) == content(BATCHES)
