"""Documents -> pairs of segments, a whole block of documents at a time and without a loop over sentences.

Google's recipe (create_pretraining_data.py) walks through a document: it gathers sentences until a target length is
reached, cuts the chunk in two at a random sentence boundary, and for half of the chunks replaces the second part by a
piece of another document and puts the unused sentences back. Here every sentence draws the decisions for the chunk
that would start at it; then "where does the next chunk start" is a function on sentences, and the chunks are the
sentences that the documents' first sentences lead to. Two things differ from Google's recipe on purpose:

- A chunk of one sentence is no longer forced to be a random pair, which makes 56 % of the pairs random on Wikipedia:
  it takes the following sentence along, or at the end of a document the preceding one. Only one-sentence documents are
  left, and the other chunks make up for them, so that `random_pair_rate` holds.
- A sentence that exceeds an example is cut into several instead of being truncated to one.
"""

from typing import NamedTuple

import tensorflow as tf

from bert_tf.config import ExampleConfig
from bert_tf.data import draws
from bert_tf.text.packing import truncated_lengths


class Sentences(NamedTuple):
    """A block of documents as one run of tokens.

    Attributes:
        token_ids: int32 `(tokens,)`.
        ends: int32 `(sentences + 1,)`: sentence i is `token_ids[ends[i]:ends[i + 1]]`, never empty.
        document: int32 `(sentences,)`: rising number of the document that a sentence belongs to.
        first: int32 `(sentences,)`: first sentence of that document.
        end: int32 `(sentences,)`: one past its last sentence.
        key: uint64 `(sentences,)`: from the content of the document and the place of the sentence in it; all that is
            random about a sentence depends on it and on the seed.
    """

    token_ids: tf.Tensor
    ends: tf.Tensor
    document: tf.Tensor
    first: tf.Tensor
    end: tf.Tensor
    key: tf.Tensor


class Pairs(NamedTuple):
    """Two segments per example, as ranges of a block's tokens; all int32 `(examples,)`.

    Attributes:
        first_start: first token of the first segment.
        first_length: its tokens.
        second_start: first token of the second segment.
        second_length: its tokens; 0 where the objective has single segments.
        label: 0 = the second segment follows the first, 1 = it comes from another document or the two are swapped.
    """

    first_start: tf.Tensor
    first_length: tf.Tensor
    second_start: tf.Tensor
    second_length: tf.Tensor
    label: tf.Tensor


def gather_sentences(token_ids: tf.RaggedTensor, document: tf.Tensor, document_key: tf.Tensor,
                     max_tokens: int) -> Sentences:
    """Drops sentences without tokens and cuts those of more than `max_tokens` into several.

    Args:
        token_ids: int32 `(sentences, (pieces))`.
        document: int32 `(sentences,)`, rising.
        document_key: uint64 `(sentences,)`, from `draws.document_keys`.
        max_tokens: tokens of a sentence at most.

    >>> gather_sentences(tf.ragged.constant([[1, 2, 3], [], [4]]), [0, 0, 1], ..., max_tokens=2)
    token_ids [1 2 3 4], ends [0 2 3 4], document [0 0 1], first [0 0 2], end [2 2 3]
    """
    lengths = tf.cast(token_ids.row_lengths(), tf.int32)
    parts = (lengths + max_tokens - 1) // max_tokens
    # sentence -> part: which sentence, and the how-manieth part of it.
    sentence = tf.repeat(tf.range(tf.size(parts)), parts)
    part = tf.range(tf.size(sentence)) - tf.gather(tf.cumsum(parts, exclusive=True), sentence)
    part_lengths = tf.minimum(tf.gather(lengths, sentence) - part * max_tokens, max_tokens)
    ends = tf.concat([[0], tf.cumsum(part_lengths)], 0)
    document = tf.gather(tf.convert_to_tensor(document, tf.int32), sentence)
    first = tf.searchsorted(document, document, side="left")
    end = tf.searchsorted(document, document, side="right")
    key = draws.numbered(tf.gather(document_key, sentence), tf.range(tf.size(document)) - first)
    return Sentences(token_ids.flat_values, ends, document, first, end, key)


def build_pairs(sentences: Sentences, config: ExampleConfig, seed: tf.Tensor) -> Pairs:
    """Cuts the block into examples.

    Args:
        sentences: the block, from `gather_sentences(..., max_tokens=config.max_tokens)`.
        config: lengths, objective and rates.
        seed: int `(2,)`; the same seed gives the same pairs.

    Returns:
        At most `config.max_tokens` tokens in each pair.
    """
    drawn = _Draws(sentences, config, seed)
    if config.objective == "mlm":
        return _single_segments(sentences, drawn)
    if config.objective == "sop":
        pairs, chunk = _consecutive_pairs(sentences, drawn, is_random=tf.zeros_like(drawn.is_random, tf.bool))
        # A document of one sentence has no order.
        has_two = pairs.second_length > 0
        pairs = Pairs(*(tf.boolean_mask(column, has_two) for column in pairs))
        chunk = tf.boolean_mask(chunk, has_two)
        return _swap(_truncate(pairs, config.max_tokens, tf.gather(drawn.key, chunk)), tf.gather(drawn.swaps, chunk))
    is_random = _random_chunks(sentences, drawn, config.random_pair_rate)
    pairs, chunk = _consecutive_pairs(sentences, drawn, is_random)
    return _truncate(pairs, config.max_tokens, tf.gather(drawn.key, chunk))


class _Draws:
    """The decisions for the chunk that would start at each sentence; all `(sentences,)`."""

    def __init__(self, sentences: Sentences, config: ExampleConfig, seed: tf.Tensor):
        self.key = tf.bitwise.bitwise_xor(sentences.key, draws.stream_key(seed))
        # All in one operation each, because TensorFlow takes longer to trace operations than to draw.
        short, length, self.is_random, self.cut, self.document, self.sentence, swap = tf.unstack(
            draws.uniform(self.key, tf.range(_TRUNCATION)[:, tf.newaxis]), _TRUNCATION)
        short_target = 2 + tf.cast(length * (config.max_tokens - 1), tf.int32)
        self.target = tf.where(short < config.short_sequence_rate, short_target, config.max_tokens)
        self.start = tf.range(tf.size(sentences.document))
        # One past the last sentence: the target is reached or the document ends.
        end = tf.searchsorted(sentences.ends, sentences.ends[:-1] + self.target, side="left")
        self.end = tf.minimum(tf.maximum(end, self.start + 1), sentences.end)
        self.swaps = swap < config.random_pair_rate


_TRUNCATION = 7
"""Number of the first draw for truncation, after the seven of `_Draws`."""


def _single_segments(sentences: Sentences, drawn: _Draws) -> Pairs:
    """Runs of whole sentences that do not exceed their target, or one sentence."""
    start = drawn.start
    limit = sentences.ends[:-1] + drawn.target
    end = tf.searchsorted(sentences.ends, limit, side="right") - 1
    end = tf.minimum(tf.maximum(end, start + 1), sentences.end)
    chunk = _reached(sentences, following=end)
    first_start = tf.gather(sentences.ends, chunk)
    first_length = tf.gather(sentences.ends, tf.gather(end, chunk)) - first_start
    nothing = tf.zeros_like(chunk)
    return Pairs(first_start, first_length, nothing, nothing, nothing)


def _random_chunks(sentences: Sentences, drawn: _Draws, rate: float) -> tf.Tensor:
    """Chooses the random pairs so that they are `rate` of all, one-sentence documents included; bool `(sentences,)`."""
    alone = sentences.end - sentences.first == 1
    several_documents = tf.reduce_any(sentences.document != sentences.document[:1])
    guess = drawn.is_random < rate
    count = tf.size(_reached(sentences, _following(sentences, drawn, guess)))
    forced = tf.reduce_sum(tf.cast(alone, tf.float32))
    count = tf.cast(count, tf.float32)
    remaining_rate = tf.math.divide_no_nan(rate * count - forced, count - forced)
    return tf.logical_and(tf.logical_or(alone, drawn.is_random < remaining_rate), several_documents)


def _cut(drawn: _Draws, end: tf.Tensor) -> tf.Tensor:
    """A random sentence boundary inside the chunk up to `end`, or `end` where there is none."""
    inside = tf.cast(tf.cast(end - drawn.start - 1, tf.float32) * drawn.cut, tf.int32)
    return drawn.start + 1 + inside


def _following(sentences: Sentences, drawn: _Draws, is_random: tf.Tensor) -> tf.Tensor:
    """Where the next chunk starts: a random pair puts the sentences after its cut back."""
    extended = tf.minimum(tf.maximum(drawn.end, drawn.start + 2), sentences.end)
    return tf.where(is_random, _cut(drawn, drawn.end), extended)


def _consecutive_pairs(sentences: Sentences, drawn: _Draws, is_random: tf.Tensor) -> tuple[Pairs, tf.Tensor]:
    """The chunks of all documents, cut in two, the second part replaced where the pair is to be random.

    With them the sentences that the chunks were started at, int32 `(examples,)`.
    """
    start, end = drawn.start, drawn.end
    # A chunk of one sentence that is to be a true pair takes its neighbour along.
    lonely = tf.logical_and(end - start == 1, tf.logical_not(is_random))
    first = tf.where(tf.logical_and(lonely, end == sentences.end), tf.maximum(start - 1, sentences.first), start)
    end = tf.where(lonely, tf.minimum(start + 2, sentences.end), end)
    cut = tf.where(first < start, start, _cut(drawn, end))
    other_start, other_end = _other_segments(sentences, drawn, cut - start)

    chunk = _reached(sentences, _following(sentences, drawn, is_random))

    def tokens_before(sentence: tf.Tensor) -> tf.Tensor:
        return tf.gather(sentences.ends, tf.gather(sentence, chunk))

    is_random = tf.gather(is_random, chunk)
    first_start = tokens_before(first)
    cut = tokens_before(cut)
    second_start = tf.where(is_random, tokens_before(other_start), cut)
    second_end = tf.where(is_random, tokens_before(other_end), tokens_before(end))
    label = tf.cast(is_random, tf.int32)
    return Pairs(first_start, cut - first_start, second_start, second_end - second_start, label), chunk


def _other_segments(sentences: Sentences, drawn: _Draws, num_first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For each sentence a run of sentences of another document that fills the chunk after its `num_first` sentences."""
    document = tf.cumsum(tf.cast(sentences.first == tf.range(tf.size(sentences.first)), tf.int32)) - 1
    document_start = tf.unique(sentences.first).y
    # The documents in the order of their keys, so that it does not matter in which order they stand in the block.
    order = tf.argsort(tf.bitcast(tf.gather(sentences.key, document_start), tf.int64), stable=True)
    rank = tf.gather(tf.math.invert_permutation(order), document)
    num_documents = tf.size(document_start)
    away = 1 + tf.cast(tf.cast(num_documents - 1, tf.float32) * drawn.document, tf.int32)
    start = tf.gather(document_start, tf.gather(order, (rank + away) % tf.maximum(num_documents, 1)))
    length = tf.gather(sentences.end, start) - start
    start += tf.cast(tf.cast(length, tf.float32) * drawn.sentence, tf.int32)
    first_length = tf.gather(sentences.ends, drawn.start + num_first) - sentences.ends[:-1]
    limit = tf.gather(sentences.ends, start) + drawn.target - first_length
    end = tf.searchsorted(sentences.ends, limit, side="left")
    return start, tf.minimum(tf.maximum(end, start + 1), tf.gather(sentences.end, start))


def _reached(sentences: Sentences, following: tf.Tensor) -> tf.Tensor:
    """The sentences that lie on the way first -> following -> ... of a document; int32, ascending.

    With the jumps of 1, 2, 4, ... steps at hand, going through them from the longest to the shortest and each time
    adding where the sentences found so far lead to finds every sentence after about log2(sentences) vector operations.
    """
    count = tf.size(following)
    # One more place beyond the last sentence, which leads to itself.
    jump = tf.concat([following, count[tf.newaxis]], 0)
    reached = tf.concat([sentences.first == tf.range(count), [False]], 0)
    num_doublings = tf.cast(tf.math.ceil(tf.math.log(tf.cast(count + 2, tf.float32)) / tf.math.log(2.0)), tf.int32)
    jumps = tf.TensorArray(tf.int32, size=num_doublings, infer_shape=False, element_shape=[None])

    def double(step: tf.Tensor, jumps: tf.TensorArray, jump: tf.Tensor) -> tuple[tf.Tensor, tf.TensorArray, tf.Tensor]:
        return step + 1, jumps.write(step, jump), tf.gather(jump, jump)

    def reach(step: tf.Tensor, reached: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        targets = tf.boolean_mask(jumps.read(step - 1), reached)
        return step - 1, tf.tensor_scatter_nd_update(reached, targets[:, tf.newaxis], tf.ones_like(targets, tf.bool))

    _, jumps, _ = tf.while_loop(lambda step, *_: step < num_doublings, double, (0, jumps, jump))
    _, reached = tf.while_loop(lambda step, _: step > 0, reach, (num_doublings, reached))
    return tf.cast(tf.where(reached[:-1])[:, 0], tf.int32)


def _truncate(pairs: Pairs, max_tokens: int, key: tf.Tensor) -> Pairs:
    """Shortens the longer segment first, token by token from its front or its back at random, as Google's script."""
    first_length, second_length = truncated_lengths(pairs.first_length, pairs.second_length, max_tokens)

    # A segment ends with the sentence that reaches its target, and a sentence has `max_tokens` at most.
    most = 2 * max_tokens
    excess = tf.stack([pairs.first_length - first_length, pairs.second_length - second_length])
    first_gone, second_gone = tf.unstack(draws.coins(key, [[_TRUNCATION], [_TRUNCATION + most]], excess, most))
    return pairs._replace(first_start=pairs.first_start + first_gone, first_length=first_length,
                          second_start=pairs.second_start + second_gone, second_length=second_length)


def _swap(pairs: Pairs, swap: tf.Tensor) -> Pairs:
    """Swaps the segments of some pairs and labels those 1."""
    return Pairs(
        tf.where(swap, pairs.second_start, pairs.first_start), tf.where(swap, pairs.second_length, pairs.first_length),
        tf.where(swap, pairs.first_start, pairs.second_start), tf.where(swap, pairs.first_length, pairs.second_length),
        tf.cast(swap, tf.int32))


def pack_pairs(token_ids: tf.Tensor, pairs: Pairs, *, cls_id: int, sep_id: int, pad_id: int,
               sequence_length: int) -> dict[str, tf.Tensor]:
    """Copies the segments out of the block: [CLS] first [SEP] second [SEP], or [CLS] first [SEP].

    Returns:
        `token_ids` int32 `(examples, sequence_length)`, and int32 `(examples,)`: `first_length`, the tokens with
        segment 0; `length`, all tokens; `next_sentence_label`.
    """
    source = tf.concat([token_ids, [cls_id, sep_id, pad_id]], 0)
    cls, sep, pad = tf.unstack(tf.size(token_ids) + tf.range(3))
    first_length = pairs.first_length[:, tf.newaxis] + 2
    has_second = tf.cast(pairs.second_length > 0, tf.int32)
    length = first_length + (pairs.second_length + has_second)[:, tf.newaxis]
    position = tf.range(sequence_length)[tf.newaxis]
    in_first = position < first_length
    start = tf.where(in_first, pairs.first_start[:, tf.newaxis] - 1, pairs.second_start[:, tf.newaxis] - first_length)
    place = start + position
    place = tf.where((position == first_length - 1) | (position == length - 1), sep, place)
    place = tf.where(position < length, place, pad)
    place = tf.concat([tf.fill([tf.shape(place)[0], 1], cls), place[:, 1:]], 1)
    return {"token_ids": tf.gather(source, place), "first_length": first_length[:, 0], "length": length[:, 0],
            "next_sentence_label": pairs.label}
