"""Sentence files -> batches for `fit`, as streaming `tf.data` pipelines that work on whole blocks of text in graph."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig, require
from bert_tf.data.corpus import HASH_BUCKETS, document_hash
from bert_tf.data.masking import mask_tokens
from bert_tf.data.pairing import build_pairs, gather_sentences, pack_pairs
from bert_tf.features import split_pretraining
from bert_tf.text.tokenizer import WordPieceTokenizer

LINES_PER_BLOCK = 8192
"""Lines that are tokenised and paired by one call; about 1 MB of text."""
LONGEST_DOCUMENT = 8 * LINES_PER_BLOCK
"""Lines after which a document without an end is cut, so that memory does not grow with it."""
WINDOW = 32768
"""Examples that are shuffled and sorted by length together: 16 MB at 128 tokens."""


def pretraining_dataset(
    files: Sequence[str | Path],
    tokenizer: WordPieceTokenizer,
    examples: ExampleConfig,
    masking: MaskingConfig,
    *,
    batch_size: int,
    seed: int = 0,
    held_out_threshold: int = 0,
    first_batch: int = 0,
    length_multiple: int | None = None,
) -> tf.data.Dataset:
    """An endless stream of masked batches; batch i depends on the text, the configuration and (seed, i) only.

    Every pass over the text shuffles files, pairs sentences and masks tokens anew. Examples are shuffled in windows,
    then batched by length, so that nearly all tokens are real ones; the order of the batches is random again.

    Args:
        files: UTF-8 text or `.gz`, a sentence per line, blank line between documents.
        tokenizer: text to ids; also names the special tokens.
        examples: lengths, objective, rates.
        masking: how tokens are hidden.
        batch_size: examples per batch, over all devices.
        seed: of everything random.
        held_out_threshold: documents whose hash lies below are left out, see `corpus.document_hash`.
        first_batch: batches to skip, for a run that goes on.
        length_multiple: a batch is as long as its longest example, rounded up to a multiple of this; None for a
            32nd of `examples.sequence_length`: few shapes, little padding. `examples.sequence_length` itself gives all
            batches one shape, for TPUs.

    Returns:
        `(inputs, labels, weights)` as in `features.split_pretraining`, int32 `(batch_size, seq)` and so on.
    """
    _check_not_empty(files, tokenizer, examples, held_out_threshold)
    passes = tf.data.Dataset.range(2**62)
    blocks = passes.flat_map(lambda number: _blocks(_shuffled(files, seed, number)))
    built = _example_blocks(blocks, tokenizer, examples, seed, held_out_threshold, held_out=False)
    num_batches = max(1, WINDOW // batch_size)
    windows = built.rebatch(num_batches * batch_size).enumerate()
    # Blocks count up from 0 for their seeds, windows down from -1.
    windows = windows.map(lambda index, window: _by_length(
        window, batch_size, tf.stack([tf.constant(seed, tf.int64), -1 - index])), num_parallel_calls=1)
    # The next window is built while the batches of this one train the model.
    skipped_windows = first_batch // num_batches
    windows = windows.skip(skipped_windows).prefetch(1)
    batches = windows.flat_map(lambda window: _cut(window, batch_size, examples, length_multiple))
    batches = batches.skip(first_batch - skipped_windows * num_batches)
    batches = batches.enumerate(first_batch)
    return _masked(batches, tokenizer, masking, examples, seed, batch_size)


def held_out_dataset(
    files: Sequence[str | Path],
    tokenizer: WordPieceTokenizer,
    examples: ExampleConfig,
    masking: MaskingConfig,
    *,
    batch_size: int,
    max_examples: int,
    seed: int = 0,
    held_out_threshold: int = HASH_BUCKETS,
    length_multiple: int | None = None,
) -> tf.data.Dataset:
    """The masked examples of the held-out documents, the same on every pass; `max_examples` of them at most.

    Arguments as in `pretraining_dataset`; by default all documents count as held out. The last batch may be smaller.
    The examples are built at once and kept in memory.

    Raises:
        ValueError: the held-out documents give no example.
    """
    built = _example_blocks(_blocks(tf.constant([str(file) for file in files])), tokenizer, examples, seed,
                            held_out_threshold, held_out=True)
    window = built.rebatch(max_examples).take(1)
    window = window.map(lambda window: _by_length(window, batch_size, seed=None))
    batches = window.flat_map(lambda window: _cut(window, batch_size, examples, length_multiple))
    batches = _masked(batches.enumerate(), tokenizer, masking, examples, seed, None).cache()
    count = int(batches.reduce(0, lambda count, _: count + 1))
    require(count > 0, f"held-out text that gives at least one `{examples.objective}` example", examples=0)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def held_out_sentences(files: Sequence[str | Path], held_out_threshold: int) -> tf.data.Dataset:
    """The sentences of the held-out documents one by one, string `()`."""
    blocks = _blocks(tf.constant([str(file) for file in files]))
    return blocks.map(lambda lines: _select(lines, held_out_threshold, held_out=True)[0]).unbatch()


def _check_not_empty(files: Sequence[str | Path], tokenizer: WordPieceTokenizer, examples: ExampleConfig,
                     threshold: int) -> None:
    """One example must come out of one pass; an endless stream of passes without any would never return."""
    names = [str(file) for file in files]
    built = _example_blocks(_blocks(tf.constant(names, tf.string)), tokenizer, examples, 0, threshold, held_out=False)
    if next(iter(built.rebatch(1).take(1)), None) is None:
        raise ValueError(f"Expected text that gives at least one `{examples.objective}` example. "
                         f"Received: none from {len(names)} file(s): {', '.join(names[:3])}.")


def _shuffled(files: Sequence[str | Path], seed: int, number: tf.Tensor) -> tf.Tensor:
    names = tf.constant([str(file) for file in files])
    return tf.random.experimental.stateless_shuffle(names, tf.stack([tf.constant(seed, tf.int64), number]))


def _blocks(files: tf.Tensor) -> tf.data.Dataset:
    """Lines of whole documents, string `(lines,)`, each document followed by a blank line."""

    def lines_of(file: tf.Tensor) -> tf.data.Dataset:
        compression = tf.where(tf.strings.regex_full_match(file, r".*\.gz"), "GZIP", "")
        lines = tf.data.TextLineDataset(file, compression_type=compression, buffer_size=1 << 20)
        return lines.concatenate(tf.data.Dataset.from_tensors(""))

    lines = tf.data.Dataset.from_tensor_slices(files).flat_map(lines_of)
    return lines.batch(LINES_PER_BLOCK).scan(tf.zeros([0], tf.string), _whole_documents)


def _whole_documents(carried: tf.Tensor, lines: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Carries the unfinished last document over to the next block."""
    lines = tf.concat([carried, lines], 0)
    blank = tf.where(tf.strings.strip(lines) == "")[:, 0]
    end = tf.cond(tf.size(blank) > 0, lambda: blank[-1] + 1, lambda: tf.constant(0, tf.int64))
    count = tf.size(lines, tf.int64)
    end = tf.where(count - end > LONGEST_DOCUMENT, count, end)
    return lines[end:], lines[:end]


def _example_blocks(blocks: tf.data.Dataset, tokenizer: WordPieceTokenizer, examples: ExampleConfig, seed: int,
                    threshold: int, held_out: bool) -> tf.data.Dataset:
    """Packed, unmasked examples, many in each element."""
    vocabulary = tokenizer.vocabulary

    def build(index: tf.Tensor, lines: tf.Tensor) -> dict[str, tf.Tensor]:
        lines, document = _select(lines, threshold, held_out)
        sentences = gather_sentences(tokenizer.tokenize(lines), document, examples.max_tokens)
        pairs = build_pairs(sentences, examples, tf.stack([tf.constant(seed, tf.int64), index]))
        return pack_pairs(sentences.token_ids, pairs, cls_id=vocabulary.cls_id, sep_id=vocabulary.sep_id,
                          pad_id=vocabulary.pad_id, sequence_length=examples.sequence_length)

    return blocks.enumerate().map(build, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _select(lines: tf.Tensor, threshold: int, held_out: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """The lines of the documents on one side of the threshold, without blank ones, and their documents' numbers."""
    blank = tf.strings.strip(lines) == ""
    before = tf.concat([[True], blank[:-1]], 0)
    first = tf.logical_and(before, tf.logical_not(blank))
    document = tf.cumsum(tf.cast(first, tf.int32)) - 1
    below = document_hash(tf.boolean_mask(lines, first)) < threshold
    # A blank line has the number of the document before it, the first of a block may have -1.
    chosen = tf.gather(tf.concat([below == held_out, [False]], 0), tf.maximum(document, 0))
    keep = tf.logical_and(chosen, tf.logical_not(blank))
    return tf.boolean_mask(lines, keep), tf.boolean_mask(document, keep)


def _by_length(window: dict[str, tf.Tensor], batch_size: int, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
    """Orders a window so that batches hold examples of like length and, with a seed, follow each other at random."""
    length = window["length"]
    count = tf.size(length)
    if seed is None:
        order = tf.argsort(length, stable=True)
    else:
        shuffle_seed, batch_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        order = tf.random.experimental.stateless_shuffle(tf.range(count), shuffle_seed)
        order = tf.gather(order, tf.argsort(tf.gather(length, order), stable=True))
        # Whole batches change places; what does not fill one stays at the end.
        whole = count // batch_size * batch_size
        batches = tf.reshape(order[:whole], [-1, batch_size])
        order = tf.concat([
            tf.reshape(tf.random.experimental.stateless_shuffle(batches, batch_seed), [-1]), order[whole:]], 0)
    return {name: tf.gather(values, order) for name, values in window.items()}


def _cut(window: dict[str, tf.Tensor], batch_size: int, examples: ExampleConfig,
         multiple: int | None) -> tf.data.Dataset:
    """The batches of an ordered window, each as long as its longest example asks for."""
    multiple = multiple or max(1, examples.sequence_length // 32)
    num_batches = -(-tf.size(window["length"], tf.int64) // batch_size)

    def batch(number: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = {name: values[number * batch_size:(number + 1) * batch_size] for name, values in window.items()}
        longest = -(-tf.reduce_max(rows["length"]) // multiple) * multiple
        rows["token_ids"] = rows["token_ids"][:, :tf.minimum(longest, examples.sequence_length)]
        return rows

    return tf.data.Dataset.range(num_batches).map(batch)


def _masked(batches: tf.data.Dataset, tokenizer: WordPieceTokenizer, masking: MaskingConfig, examples: ExampleConfig,
            seed: int, batch_size: int | None) -> tf.data.Dataset:
    """Numbered batches -> masked `(inputs, labels, weights)`."""
    # Number of slots by padded length, computed once with Python's own rounding.
    slots = tf.constant([masking.max_masked(length) for length in range(examples.sequence_length + 1)])

    def finish(index: tf.Tensor, rows: dict[str, tf.Tensor]) -> tuple[dict, dict, dict]:
        token_ids = tf.ensure_shape(rows["token_ids"], [batch_size, None])
        position = tf.range(tf.shape(token_ids)[1])[tf.newaxis]
        length, first_length = (tf.ensure_shape(rows[name], [batch_size]) for name in ("length", "first_length"))
        padding_mask = tf.cast(position < length[:, tf.newaxis], tf.int32)
        segment_ids = tf.cast(position >= first_length[:, tf.newaxis], tf.int32) * padding_mask
        features = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}
        if examples.objective != "mlm":
            features["next_sentence_label"] = tf.ensure_shape(rows["next_sentence_label"], [batch_size])
        # Far from the seeds of blocks and windows.
        batch_seed = tf.stack([tf.constant(seed, tf.int64) + 2**32, index])
        return split_pretraining(
            mask_tokens(features, batch_seed, masking, tokenizer.vocabulary, slots[tf.shape(token_ids)[1]]))

    return batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
