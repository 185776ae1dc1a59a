"""Preprocessor: strings to a model's inputs, for `Dataset.map`."""

import tensorflow as tf

from bert_tf.config import require
from bert_tf.text.packing import pack
from bert_tf.text.tokenizer import WordPieceTokenizer


class Preprocessor(tf.Module):
    """A text or a pair of texts -> `token_ids`, `segment_ids`, `padding_mask`, in graph.

    Works on single examples and on batches, before or after `Dataset.batch`; after it is many times faster.

    Args:
        tokenizer: text to ids; `load_model(...).tokenizer` is the one that a model was trained with.
        max_length: tokens at most, special ones included; longer texts are cut, see `packing.truncated_lengths`.
        length_multiple: None gives every example `max_length` tokens; a number pads a batch to its longest example,
            rounded up to a multiple of it.

    >>> preprocess = Preprocessor(model.tokenizer, max_length=128)
    >>> dataset = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(32)
    >>> model.fit(dataset.map(lambda text, label: (preprocess(text), {"logits": label})))
    """

    def __init__(self, tokenizer: WordPieceTokenizer, max_length: int = 128, *, length_multiple: int | None = None):
        super().__init__(name="preprocessor")
        require(max_length >= 3, "`max_length` >= 3, the special tokens", max_length=max_length)
        require(length_multiple is None or length_multiple >= 1, "`length_multiple` >= 1",
                length_multiple=length_multiple)
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.length_multiple = length_multiple

    @tf.autograph.experimental.do_not_convert
    def __call__(self, texts: tf.Tensor, second_texts: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Tokenises and packs.

        Args:
            texts: string `(batch,)` or `()`; Python strings and lists of them, too.
            second_texts: the second texts of pairs, shaped alike; None for single texts.

        Returns:
            int32 `(batch, seq)` or `(seq,)`.

        Raises:
            ValueError: more than one axis.
        """
        texts = tf.convert_to_tensor(texts, tf.string)
        require(texts.shape.rank in (0, 1), "texts with one axis or none", shape=texts.shape)
        pieces = [self._pieces(strings) for strings in (texts, second_texts)]
        vocabulary = self.tokenizer.vocabulary
        features = pack(*pieces, cls_id=vocabulary.cls_id, sep_id=vocabulary.sep_id, pad_id=vocabulary.pad_id,
                        max_length=self.max_length, length_multiple=self.length_multiple)
        return {name: values[0] for name, values in features.items()} if texts.shape.rank == 0 else features

    def _pieces(self, strings: tf.Tensor | None) -> tf.RaggedTensor | None:
        return None if strings is None else self.tokenizer.tokenize(tf.reshape(strings, [-1]))
