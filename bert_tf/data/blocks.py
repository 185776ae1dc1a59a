"""Sentence files -> blocks of whole documents -> packed, unmasked examples, a whole block by each call, in graph.

A block is about 1 MB of text or two documents, whichever is more, string `(lines,)`, each document followed by a blank
line. What becomes of a document depends on its content and on the seed; only the second segments of random pairs come
from the rest of the block.
"""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from bert_tf.config import ExampleConfig
from bert_tf.data.corpus import document_hash
from bert_tf.data.draws import document_keys
from bert_tf.data.pairing import build_pairs, gather_sentences, pack_pairs
from bert_tf.data.streams import ending_at_once
from bert_tf.text.tokenizer import WordPieceTokenizer

LINES_PER_BLOCK = 8192
"""Lines that are tokenised and paired by one call; about 1 MB of text."""
LONGEST_DOCUMENT = 8 * LINES_PER_BLOCK
"""A longer document is cut into several of so many lines, so that memory does not grow with it."""


def text_blocks(files: tf.Tensor | Sequence[str | Path]) -> tf.data.Dataset:
    """Blocks of sentence files; the end of a file ends a document.

    Args:
        files: names, string `(files,)`, or a list of paths; `.gz` is decompressed.
    """
    if not isinstance(files, tf.Tensor):
        files = tf.constant([str(file) for file in files], tf.string)

    def lines_of(file: tf.Tensor) -> tf.data.Dataset:
        compression = tf.where(tf.strings.regex_full_match(file, r".*\.gz"), "GZIP", "")
        lines = tf.data.TextLineDataset(file, compression_type=compression, buffer_size=1 << 20)
        return lines.concatenate(tf.data.Dataset.from_tensors(""))

    lines = tf.data.Dataset.from_tensor_slices(files).flat_map(lines_of)
    return _of_whole_documents(lines.batch(LINES_PER_BLOCK))


def _of_whole_documents(blocks: tf.data.Dataset) -> tf.data.Dataset:
    """The lines of blocks in blocks of whole documents."""
    last = tf.data.Dataset.from_tensors((tf.zeros([0], tf.string), True))
    marked = blocks.map(lambda lines: (lines, False)).concatenate(last)
    return marked.scan(tf.zeros([0], tf.string), _whole_documents).filter(lambda lines: tf.size(lines) > 0)


def _whole_documents(carried: tf.Tensor, block: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Carries the unfinished last document over to the next block, but never `LONGEST_DOCUMENT` lines of it.

    A single document is carried over, too, if another one may come: alone it would have no random pairs.
    """
    lines, is_last = block
    lines = tf.concat([carried, lines], 0)
    is_blank = tf.strings.strip(lines) == ""
    blank = tf.where(is_blank)[:, 0]
    end = tf.cond(tf.size(blank) > 0, lambda: blank[-1] + 1, lambda: tf.constant(0, tf.int64))
    end += (tf.size(lines, tf.int64) - end) // LONGEST_DOCUMENT * LONGEST_DOCUMENT
    begins = tf.logical_and(tf.concat([[True], is_blank[:-1]], 0), tf.logical_not(is_blank))[:end]
    is_enough = tf.logical_or(tf.reduce_sum(tf.cast(begins, tf.int32)) > 1, end >= 2 * LONGEST_DOCUMENT)
    end = tf.where(tf.logical_or(is_enough, is_last), end, 0)
    return lines[end:], lines[:end]


def documents_of(files: Sequence[str | Path], threshold: int, held_out: bool) -> tf.data.Dataset:
    """The documents on one side of the held-out threshold, in blocks.

    What is held out comes from many blocks of text, gathered in full ones, so that random pairs find other documents.

    Args:
        files: sentence files.
        threshold: documents whose `corpus.document_hash` lies below are held out.
        held_out: the side wanted.

    Returns:
        `(lines, document)` as `number_documents` gives them; the numbers rise, with gaps.
    """
    chosen = text_blocks(files).map(lambda lines: one_side(*number_documents(lines), threshold, held_out),
                                    num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return ending_at_once(regrouped(chosen) if held_out else chosen)


def regrouped(documents: tf.data.Dataset) -> tf.data.Dataset:
    """Numbered documents in blocks of any size -> in full blocks, numbered anew."""
    return _of_whole_documents(documents.map(_with_blank_lines).rebatch(LINES_PER_BLOCK)).map(number_documents)


def _with_blank_lines(lines: tf.Tensor, document: tf.Tensor) -> tf.Tensor:
    """A blank line after each document."""
    is_last = tf.concat([document[1:] != document[:-1], tf.fill([tf.minimum(tf.size(document), 1)], True)], 0)
    source = tf.repeat(tf.range(tf.size(lines)), 1 + tf.cast(is_last, tf.int32))
    is_blank = tf.concat([[False], source[1:] == source[:-1]], 0)[:tf.size(source)]
    return tf.where(is_blank, "", tf.gather(lines, source))


def number_documents(lines: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The lines of a block that are not blank, and the numbers of their documents: 0, 1, ...; string, int32."""
    blank = tf.strings.strip(lines) == ""
    begins = tf.logical_and(tf.concat([[True], blank[:-1]], 0), tf.logical_not(blank))
    # The place of a line in its document; what precedes the first document counts as one.
    document_start = tf.concat([[0], tf.where(begins)[:, 0]], 0)
    place = tf.range(tf.size(lines, tf.int64)) - tf.gather(document_start, tf.cumsum(tf.cast(begins, tf.int32)))
    begins = tf.logical_and(place % LONGEST_DOCUMENT == 0, tf.logical_not(blank))
    document = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    return tf.boolean_mask(lines, tf.logical_not(blank)), tf.boolean_mask(document, tf.logical_not(blank))


def one_side(lines: tf.Tensor, document: tf.Tensor, threshold: int | tf.Tensor,
             held_out: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Those of `number_documents` that are held out, or those that are not."""
    first = tf.gather(lines, tf.searchsorted(document, document, side="left"))
    chosen = (document_hash(first) < threshold) == held_out
    return tf.boolean_mask(lines, chosen), tf.boolean_mask(document, chosen)


def block_examples(lines: tf.Tensor, document: tf.Tensor, tokenizer: WordPieceTokenizer, examples: ExampleConfig,
                   seed: tf.Tensor) -> dict[str, tf.Tensor]:
    """The packed, unmasked examples of a block.

    Args:
        lines: string `(lines,)`, none blank.
        document: int32 `(lines,)`, rising number of the document that each belongs to.
        tokenizer: text to ids; also names the special tokens.
        examples: lengths, objective, rates.
        seed: int `(2,)`; the same seed gives the same examples.

    Returns:
        As `pairing.pack_pairs`.
    """
    vocabulary = tokenizer.vocabulary
    sentences = gather_sentences(tokenizer.tokenize(lines), document, document_keys(lines, document),
                                 examples.max_tokens)
    pairs = build_pairs(sentences, examples, seed)
    return pack_pairs(sentences.token_ids, pairs, cls_id=vocabulary.cls_id, sep_id=vocabulary.sep_id,
                      pad_id=vocabulary.pad_id, sequence_length=examples.sequence_length)
