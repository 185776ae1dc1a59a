import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config import MaskingConfig
from bert_tf.data.masking import mask_tokens
from bert_tf.text.vocabulary import Vocabulary

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{i}" for i in range(60)),
          *(f"##s{i}" for i in range(35))]
VOCABULARY = Vocabulary(PIECES)
CLS, SEP, MASK = 2, 3, 4
PIECE_MASKING = MaskingConfig()


def batch(rows=64, seq=50, suffix_share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, seq + 1, rows)
    tokens = np.where(rng.random((rows, seq)) < suffix_share, rng.integers(65, 100, (rows, seq)),
                      rng.integers(5, 65, (rows, seq)))
    padding_mask = (np.arange(seq) < lengths[:, None]).astype("int32")
    tokens[:, 0] = CLS
    tokens[np.arange(rows), lengths // 2] = SEP
    tokens[np.arange(rows), lengths - 1] = SEP
    return {"token_ids": tf.constant(tokens * padding_mask, tf.int32), "padding_mask": tf.constant(padding_mask)}


def masked(features, config=PIECE_MASKING, seed=(1, 2), max_masked=8):
    return {name: value.numpy()
            for name, value in mask_tokens(features, tf.constant(seed), config, VOCABULARY, max_masked).items()}


@pytest.mark.parametrize("whole_words", [False, True])
def test_labels_are_the_originals_and_nothing_else_changes(whole_words):
    features = batch()
    result = masked(features, MaskingConfig(whole_words=whole_words))
    original = features["token_ids"].numpy()
    used = result["masked_weights"] > 0
    at_positions = np.take_along_axis(original, result["masked_positions"], 1)
    np.testing.assert_array_equal(result["masked_labels"], np.where(used, at_positions, 0))
    np.testing.assert_array_equal(result["masked_positions"][~used], 0)
    assert not np.isin(result["masked_labels"][used], [CLS, SEP, 0]).any()
    changed = result["token_ids"] != original
    chosen = np.zeros_like(changed)
    np.put_along_axis(chosen, result["masked_positions"], True, 1)
    assert not (changed & ~chosen).any()
    assert {name: value.dtype.name for name, value in result.items() if name.startswith("masked")} == {
        "masked_positions": "int32", "masked_labels": "int32", "masked_weights": "float32"}


def test_masks_an_exact_number_with_pythons_rounding():
    features = batch(rows=200, seq=50)
    result = masked(features)
    lengths = features["padding_mask"].numpy().sum(1)
    assert result["masked_weights"].sum(1).tolist() == [min(8, max(1, round(0.15 * int(n)))) for n in lengths]
    # Half to even: 10 tokens give 1.5 -> 2, 30 give 4.5 -> 4.
    assert {n: int(result["masked_weights"][lengths == n][0].sum()) for n in (10, 30)} == {10: 2, 30: 4}


def test_positions_ascend_and_are_different():
    result = masked(batch())
    for positions, weights in zip(result["masked_positions"], result["masked_weights"], strict=True):
        used = positions[weights > 0].tolist()
        assert used == sorted(set(used))


def test_replacements_follow_the_rates_and_draw_from_the_whole_vocabulary():
    features = batch(rows=4000, seq=50)
    result = masked(features)
    used = result["masked_weights"] > 0
    now = np.take_along_axis(result["token_ids"], result["masked_positions"], 1)[used]
    labels = result["masked_labels"][used]
    # A random token equals the mask or the label now and then: 1 in 100 of 10 %.
    assert abs((now == MASK).mean() - 0.801) < 0.01
    assert abs((now == labels).mean() - 0.101) < 0.01
    others = now[(now != MASK) & (now != labels)]
    assert set(others) | {MASK} >= set(range(100)) - {MASK}


def test_every_candidate_is_as_likely_as_another():
    features = {"token_ids": tf.constant([[CLS, *range(10, 20), SEP]] * 8000),
                "padding_mask": tf.ones([8000, 12], tf.int32)}
    result = masked(features, max_masked=3)
    counts = np.bincount(result["masked_positions"][result["masked_weights"] > 0], minlength=12)
    assert counts[0] == counts[11] == 0
    np.testing.assert_allclose(counts[1:11], counts.sum() / 10, rtol=0.1)


def whole_word_restatement(tokens, padding, priority_of_word, limit):
    """Google's script: words in the given order, one that would exceed the limit is skipped."""
    words = []
    for place, (token, real) in enumerate(zip(tokens, padding, strict=True)):
        if not real or token in (CLS, SEP):
            continue
        if PIECES[token].startswith("##") and words and words[-1][-1] == place - 1:
            words[-1].append(place)
        else:
            words.append([place])
    chosen = []
    for index in sorted(range(len(words)), key=lambda index: priority_of_word[index]):
        if len(chosen) + len(words[index]) <= limit:
            chosen += words[index]
    return sorted(chosen)


def test_whole_words_are_chosen_as_in_googles_script():
    features = batch(rows=300, suffix_share=0.6, seed=3)
    seed = tf.constant([5, 6])
    result = masked(features, MaskingConfig(whole_words=True), seed=seed)
    choice_seed = tf.random.experimental.stateless_split(seed, 2)[0]
    priority = tf.random.stateless_uniform(tf.shape(features["token_ids"]), choice_seed).numpy()
    for row in range(300):
        padding = features["padding_mask"].numpy()[row]
        limit = min(8, max(1, round(0.15 * int(padding.sum()))))
        expected = whole_word_restatement(features["token_ids"].numpy()[row], padding, priority[row], limit)
        used = result["masked_weights"][row] > 0
        assert result["masked_positions"][row][used].tolist() == expected


def test_same_seed_same_masks_and_the_same_inside_a_dataset():
    features = batch()
    one, again, other = masked(features), masked(features), masked(features, seed=(1, 3))
    dataset = tf.data.Dataset.from_tensors(features).map(
        lambda features: mask_tokens(features, tf.constant([1, 2]), MaskingConfig(), VOCABULARY, 8))
    in_dataset = next(dataset.as_numpy_iterator())
    for name, value in one.items():
        np.testing.assert_array_equal(value, again[name])
        np.testing.assert_array_equal(value, in_dataset[name])
    assert (one["masked_positions"] != other["masked_positions"]).any()
