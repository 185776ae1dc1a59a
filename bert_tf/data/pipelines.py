"""Sentence files -> batches for `fit`, as streaming `tf.data` pipelines that work on whole blocks of text in graph."""

from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from bert_tf.config import ExampleConfig, MaskingConfig, require
from bert_tf.data.batches import evaluation_batches, masked, training_batches
from bert_tf.data.blocks import block_examples, documents_of, number_documents, one_side, text_blocks
from bert_tf.data.corpus import HASH_BUCKETS
from bert_tf.data.positions import ORIGIN, Position, last_position, noted, stream_name
from bert_tf.data.readers import find_files
from bert_tf.data.streams import ending_at_once
from bert_tf.data.windows import Windows
from bert_tf.text.tokenizer import WordPieceTokenizer

Build = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]
"""From a block, with the numbers of its pass and of itself, to its examples."""


@tf.autograph.experimental.do_not_convert
def pretraining_dataset(
    files: str | Path | Sequence[str | Path],
    tokenizer: WordPieceTokenizer,
    examples: ExampleConfig,
    masking: MaskingConfig,
    *,
    batch_size: int,
    seed: int = 0,
    held_out_threshold: int = 0,
    first_batch: int = 0,
    fixed_length: bool = False,
    positions: Path | None = None,
    notes_positions: bool = True,
) -> tf.data.Dataset:
    """An endless stream of masked batches; batch i depends on the text, the configuration and (seed, i) only.

    Every pass over the text shuffles files, pairs sentences and masks tokens anew. Examples are shuffled in windows
    (`windows.py`), then batched by length, so that nearly all tokens are real ones; the order of the batches is random
    again.

    Args:
        files: names, or patterns as in `readers.find_files`, of UTF-8 text or `.gz`, a sentence per line, blank line
            between documents; a file that is named twice is read twice.
        tokenizer: text to ids; also names the special tokens.
        examples: lengths, objective, rates.
        masking: how tokens are hidden.
        batch_size: examples per batch, over all devices.
        seed: of everything random.
        held_out_threshold: documents whose hash lies below are left out, see `corpus.document_hash`.
        first_batch: batches to skip, for a run that goes on.
        fixed_length: give all batches one shape that is known beforehand, for TPUs. Otherwise a batch is as long as its
            longest example, rounded up to a 32nd of `examples.sequence_length`.
        positions: file of the run in which is noted where in the text each window of examples starts (see
            `positions`). With it, a run that goes on reads the lines before its position but does not tokenise them.
        notes_positions: False only reads that file, for all workers of a run but one.

    Returns:
        `(inputs, labels, weights)` as in `features.split_pretraining`, int32 `(batch_size, seq)` and so on.

    Raises:
        ValueError: a file that is not there, or no file that gives an example.
    """
    files = _found(files)
    require(batch_size >= 1, "`batch_size` >= 1", batch_size=batch_size)
    windows = Windows(batch_size)
    (first_window, skipped), start = windows.place_of(first_batch), Position()
    if positions is not None:
        stream = stream_name(files, tokenizer, examples, window_sizes=windows.sizes, seed=seed,
                             held_out_threshold=held_out_threshold)
        start = last_position(positions, stream, first_window)
    blocks = _blocks_from(start, files, seed)
    build = _builder(start, tokenizer, examples, seed, held_out_threshold)
    if start == Position():
        _check_not_empty(blocks, build, files, examples)
    built = blocks.map(build, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    numbered = windows.cut(built, start.window)
    if positions is not None and notes_positions:
        numbered = noted(numbered, positions, stream)
    numbered = numbered.map(lambda number, rows: (number, {
        name: values for name, values in rows.items() if name not in ORIGIN}))
    finish = masked(masking, tokenizer.vocabulary, sequence_length=examples.sequence_length,
                    objective=examples.objective, seed=seed)
    return training_batches(
        numbered.skip(first_window - start.window), finish, batch_size=batch_size,
        sequence_length=examples.sequence_length, seed=seed, skipped=skipped, first_batch=first_batch,
        fixed_length=fixed_length)


@tf.autograph.experimental.do_not_convert
def held_out_dataset(
    files: str | Path | Sequence[str | Path],
    tokenizer: WordPieceTokenizer,
    examples: ExampleConfig,
    masking: MaskingConfig,
    *,
    batch_size: int,
    max_examples: int,
    seed: int = 0,
    held_out_threshold: int = HASH_BUCKETS,
    fixed_length: bool = False,
) -> tf.data.Dataset:
    """The masked examples of the held-out documents, the same on every pass; `max_examples` of them at most.

    Arguments as in `pretraining_dataset`; by default all documents count as held out. All batches have `batch_size`
    rows: the last one is filled up with examples of weight 0. The examples are built at once and kept in memory.

    Raises:
        ValueError: a file that is not there, or the held-out documents give no example.
    """
    files = _found(files)
    require(batch_size >= 1, "`batch_size` >= 1", batch_size=batch_size)
    built = _held_out_examples(files, tokenizer, examples, seed, held_out_threshold)
    finish = masked(masking, tokenizer.vocabulary, sequence_length=examples.sequence_length,
                    objective=examples.objective, seed=seed)
    batches = evaluation_batches(built.rebatch(max_examples).take(1), finish, batch_size=batch_size,
                                 sequence_length=examples.sequence_length, fixed_length=fixed_length)
    require(int(batches.cardinality()) > 0, f"held-out text that gives at least one `{examples.objective}` example",
            examples=0)
    return batches


@tf.autograph.experimental.do_not_convert
def held_out_sentences(files: Sequence[str | Path], held_out_threshold: int) -> tf.data.Dataset:
    """The sentences of the held-out documents one by one, string `()`."""
    return documents_of(files, held_out_threshold, held_out=True).map(lambda lines, document: lines).unbatch()


def _found(files: str | Path | Sequence[str | Path]) -> list[str | Path]:
    """The files in the order in which they are named; what `tf.io` alone can open, such as gs://..., as it is."""
    names = files.split(",") if isinstance(files, str) else [files] if isinstance(files, Path) else list(files)
    names = [name for name in names if str(name).strip()]
    require(bool(names), "at least one file name or pattern", files=files)
    return [path for name in names for path in ([name] if "://" in str(name) else find_files([name]))]


def _check_not_empty(blocks: tf.data.Dataset, build: Build, files: Sequence[str | Path],
                     examples: ExampleConfig) -> None:
    """One example must come out of the first pass; an endless stream of passes without any would never return."""
    first_pass = ending_at_once(blocks.take_while(lambda number, block, lines: number == 0))
    # Called one by one: making another iterator that holds `build` would take longer.
    if not any(tf.size(build(*block)["length"]) for block in first_pass):
        names = [str(file) for file in files]
        raise ValueError(f"Expected text that gives at least one `{examples.objective}` example. "
                         f"Received: none from {len(names)} file(s): {', '.join(names[:3])}.")


def _held_out_examples(files: Sequence[str | Path], tokenizer: WordPieceTokenizer, examples: ExampleConfig, seed: int,
                       threshold: int) -> tf.data.Dataset:
    """Packed, unmasked examples, many in each element."""
    return documents_of(files, threshold, held_out=True).map(
        lambda lines, document: block_examples(lines, document, tokenizer, examples, (seed, 0)),
        num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _blocks_from(start: Position, files: Sequence[str | Path], seed: int) -> tf.data.Dataset:
    """`(number of the pass, number of the block in it, lines)` without end; each pass shuffles the files."""
    names = tf.constant([str(file) for file in files])

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(names, tf.stack([tf.constant(seed, tf.int64), number]))
        skipped = tf.where(number == start.number_of_pass, tf.constant(start.block, tf.int64), 0)
        blocks = text_blocks(order).skip(skipped)
        return tf.data.Dataset.zip(tf.data.Dataset.from_tensors(number).repeat(), tf.data.Dataset.counter(skipped),
                                   blocks)

    return tf.data.Dataset.range(start.number_of_pass, 2**62).flat_map(one_pass)


def _builder(start: Position, tokenizer: WordPieceTokenizer, examples: ExampleConfig, seed: int,
             threshold: int) -> Build:
    """From what `_blocks_from` gives to packed, unmasked examples that tell where they come from, int64 `ORIGIN`."""

    @tf.function(autograph=False)
    def build(number: tf.Tensor, block: tf.Tensor, lines: tf.Tensor) -> dict[str, tf.Tensor]:
        selected = one_side(*number_documents(lines), threshold, held_out=False)
        rows = block_examples(*selected, tokenizer, examples, tf.stack([tf.constant(seed, tf.int64), number]))
        count = tf.size(rows["length"], tf.int64)
        rows |= dict(zip(ORIGIN, (tf.fill([count], number), tf.fill([count], block), tf.range(count)), strict=True))
        is_first = tf.logical_and(number == start.number_of_pass, block == start.block)
        skipped = tf.where(is_first, tf.constant(start.offset, tf.int64), 0)
        return {name: values[skipped:] for name, values in rows.items()}

    # Traced here, once, wherever it is called.
    number = tf.TensorSpec([], tf.int64)
    return build.get_concrete_function(number, number, tf.TensorSpec([None], tf.string))
