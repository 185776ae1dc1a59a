"""Shows a freshly trained masked LM at work: blanks in sentences that it has never seen."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from bert_tf.data.corpus import CorpusSummary
from bert_tf.data.pipelines import held_out_sentences
from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.text.tokenizer import WordPieceTokenizer

_WORDS = range(8, 21)
"""Words of a sentence to choose from: long enough to tell the word, short enough to read."""


def fill_held_out_blanks(model: keras.Model, tokenizer: WordPieceTokenizer, summary: CorpusSummary, seed: int,
                         num_sentences: int = 8, max_candidates: int = 2000) -> list[dict]:
    """Masks a random word in random held-out sentences, one a sentence, and asks the model for it.

    Only words that are one piece of the vocabulary are masked, since a blank stands for one piece.

    Returns:
        For each sentence `text` with [MASK], `word`, the one that was there, and `answers` as `FillMask.predict`'s.
    """
    rng = np.random.default_rng(seed)
    candidates = list(_candidates(tokenizer, summary, max_candidates))
    chosen = rng.permutation(len(candidates))[:num_sentences]
    mask = tokenizer.vocabulary.pieces[tokenizer.vocabulary.mask_id]
    blanks = []
    for index in chosen:
        sentence, spans = candidates[index]
        start, limit = spans[rng.integers(len(spans))]
        blanks.append({"text": (sentence[:start] + mask.encode() + sentence[limit:]).decode(errors="ignore"),
                       "word": sentence[start:limit].decode(errors="ignore")})
    if not blanks:
        return []
    predictions = FillMask(model, tokenizer).predict([blank["text"] for blank in blanks])
    return [{**blank, "answers": answers[0] if answers else []}
            for blank, answers in zip(blanks, predictions, strict=True)]


def _candidates(tokenizer: WordPieceTokenizer, summary: CorpusSummary,
                max_candidates: int) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """Sentences, and in each the byte spans of its words that are one piece."""
    sentences = held_out_sentences(summary.files, summary.held_out_threshold).take(max_candidates)
    sentences = [sentence for sentence in sentences.as_numpy_iterator() if len(sentence.split()) in _WORDS]
    pieces = (values.numpy() for values in tokenizer.tokenize_with_offsets(tf.constant(sentences, tf.string)))
    for sentence, ids, starts, limits in zip(sentences, *pieces, strict=True):
        continues = np.append(tokenizer.vocabulary.is_suffix[ids], False)
        spans = [(int(start), int(limit)) for start, limit, suffix, next_suffix
                 in zip(starts, limits, continues[:-1], continues[1:], strict=True)
                 if not suffix and not next_suffix and sentence[start:limit].decode(errors="ignore").isalpha()]
        if spans:
            yield sentence, spans
