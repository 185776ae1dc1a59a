"""Masked LM: choose positions, replace their tokens, keep the originals as labels (Devlin et al. 2018, section 3.1)."""

import tensorflow as tf

from bert_tf.config import MaskingConfig
from bert_tf.text.vocabulary import Vocabulary


def mask_tokens(features: dict[str, tf.Tensor], seed: tf.Tensor, config: MaskingConfig, vocabulary: Vocabulary,
                max_masked: int | tf.Tensor) -> dict[str, tf.Tensor]:
    """Masks a batch; like Google's script an exact number of positions per example, not each with a probability.

    The number is `masking_rate` of the example's tokens, special ones included, rounded half to even, at least 1. A
    position is never [CLS], [SEP] or padding. Replacements are drawn from the whole vocabulary.

    Args:
        features: `token_ids` and `padding_mask`, int32 `(batch, seq)`; other features are passed on.
        seed: int `(2,)`; the same seed masks the same batch the same way.
        config: rates, and whether whole words are chosen.
        vocabulary: special tokens, number of pieces, and which pieces continue a word.
        max_masked: slots per example; at most this many positions are masked.

    Returns:
        The features with replaced `token_ids`, and `masked_positions` (ascending), `masked_labels` int32 and
        `masked_weights` float32, all `(batch, max_masked)`; unused slots are 0.

    >>> mask_tokens({"token_ids": [[CLS, 7, 8, 9, SEP, 0]], "padding_mask": [[1, 1, 1, 1, 1, 0]]}, max_masked=2)
    token_ids [[CLS, 7, MASK, 9, SEP, 0]], masked_positions [[2, 0]], masked_labels [[8, 0]], masked_weights [[1., 0.]]
    """
    token_ids, padding_mask = features["token_ids"], features["padding_mask"]
    choice_seed, replacement_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    special = (token_ids == vocabulary.cls_id) | (token_ids == vocabulary.sep_id)
    candidate = tf.logical_and(padding_mask > 0, tf.logical_not(special))
    length = tf.reduce_sum(padding_mask, axis=1)
    # tf.round is half to even, as Python's.
    wanted = tf.cast(tf.round(config.masking_rate * tf.cast(length, tf.float32)), tf.int32)
    wanted = tf.minimum(tf.maximum(wanted, 1), max_masked)
    if config.whole_words:
        chosen = _choose_words(token_ids, candidate, wanted, choice_seed, vocabulary)
    else:
        chosen = _choose_pieces(candidate, wanted, choice_seed)
    positions, weights = _positions(chosen, max_masked)
    used = weights > 0
    labels = tf.where(used, tf.gather(token_ids, positions, batch_dims=1), 0)
    replaced = _replace(token_ids, chosen, replacement_seed, config, vocabulary)
    return {**features, "token_ids": replaced, "masked_positions": positions, "masked_labels": labels,
            "masked_weights": weights}


def _choose_pieces(candidate: tf.Tensor, wanted: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """`wanted` candidates of each row at random; bool `(batch, seq)`."""
    priority = tf.where(candidate, tf.random.stateless_uniform(tf.shape(candidate), seed), 2.0)
    return tf.logical_and(_rank(priority) < wanted[:, tf.newaxis], candidate)


def _rank(values: tf.Tensor) -> tf.Tensor:
    """The place of each value in its row's ascending order, ties in order of position; int32 `(batch, seq)`."""
    order = tf.argsort(values, axis=1, stable=True)
    return tf.argsort(order, axis=1)


def _choose_words(token_ids: tf.Tensor, candidate: tf.Tensor, wanted: tf.Tensor, seed: tf.Tensor,
                  vocabulary: Vocabulary) -> tf.Tensor:
    """Whole words in random order; a word that would exceed `wanted` is skipped, as in Google's script."""
    continues = tf.logical_and(tf.gather(tf.constant(vocabulary.is_suffix), token_ids), candidate)
    # A piece continues a word only behind another candidate: never the first after [CLS] or [SEP].
    continues = tf.logical_and(continues, tf.pad(candidate[:, :-1], [[0, 0], [1, 0]]))
    starts = tf.logical_and(candidate, tf.logical_not(continues))
    # word: for each position the number of its word in the row, words in order of position.
    word = tf.maximum(tf.cumsum(tf.cast(starts, tf.int32), axis=1) - 1, 0)
    priority = tf.random.stateless_uniform(tf.shape(token_ids), seed)
    priority = tf.where(candidate, tf.gather(priority, word, batch_dims=1), 2.0)
    # Pieces sorted by word in random order; `size` counts a word at its first piece only.
    order = tf.argsort(priority, axis=1, stable=True)
    rows = tf.range(tf.shape(token_ids)[0])[:, tf.newaxis] * tf.shape(token_ids)[1]
    sizes = tf.math.unsorted_segment_sum(tf.cast(candidate, tf.int32), rows + word, tf.size(word))
    size = tf.gather(tf.reshape(sizes, tf.shape(word)), word, batch_dims=1)
    size = tf.where(tf.gather(starts, order, batch_dims=1), tf.gather(size, order, batch_dims=1), 0)

    def take_until_one_is_too_long(open_words, taken, left):
        fits = tf.logical_and(open_words, size <= left[:, tf.newaxis])
        total = tf.cumsum(tf.where(fits, size, 0), axis=1)
        too_long = tf.logical_and(fits, total > left[:, tf.newaxis])
        before = tf.cumsum(tf.cast(too_long, tf.int32), axis=1) == 0
        now = tf.logical_and(fits, before)
        left -= tf.reduce_sum(tf.where(now, size, 0), axis=1)
        # What comes behind the word that was too long may still fit.
        behind = tf.cumsum(tf.cast(too_long, tf.int32), axis=1, exclusive=True) > 0
        return tf.logical_and(fits, behind), tf.logical_or(taken, now), left

    _, taken, _ = tf.while_loop(
        lambda open_words, taken, left: tf.reduce_any(open_words), take_until_one_is_too_long,
        (size > 0, tf.zeros_like(size, tf.bool), wanted))
    # Back from sorted first pieces to all pieces of the chosen words.
    place = tf.argsort(order, axis=1)
    taken = tf.gather(taken, place, batch_dims=1)
    chosen_words = tf.math.unsorted_segment_max(tf.cast(taken, tf.int32), rows + word, tf.size(word))
    return tf.logical_and(tf.gather(tf.reshape(chosen_words, tf.shape(word)), word, batch_dims=1) > 0, candidate)


def _positions(chosen: tf.Tensor, max_masked: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Ascending positions int32 and weights float32 of the chosen tokens, padded with 0, `(batch, max_masked)`."""
    num_chosen = tf.reduce_sum(tf.cast(chosen, tf.int32), axis=1, keepdims=True)
    order = tf.argsort(tf.cast(chosen, tf.int32), axis=1, direction="DESCENDING", stable=True)[:, :max_masked]
    used = tf.range(tf.shape(order)[1])[tf.newaxis] < num_chosen
    return tf.where(used, order, 0), tf.cast(used, tf.float32)


def _replace(token_ids: tf.Tensor, chosen: tf.Tensor, seed: tf.Tensor, config: MaskingConfig,
             vocabulary: Vocabulary) -> tf.Tensor:
    """[MASK], a random token or the token itself at the chosen positions."""
    kind_seed, token_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    kind = tf.random.stateless_uniform(tf.shape(token_ids), kind_seed)
    random_ids = tf.random.stateless_uniform(tf.shape(token_ids), token_seed, 0, len(vocabulary), tf.int32)
    replaced = tf.where(kind < config.mask_token_rate, vocabulary.mask_id, token_ids)
    is_random = tf.logical_and(kind >= config.mask_token_rate, kind < config.mask_token_rate + config.random_token_rate)
    replaced = tf.where(is_random, random_ids, replaced)
    return tf.where(chosen, replaced, token_ids)
