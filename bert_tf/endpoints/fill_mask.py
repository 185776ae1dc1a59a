"""Fills blanks: a text with [MASK] in, the likeliest pieces out."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.text.packing import pack
from bert_tf.text.pieces import outside_of_graphs
from bert_tf.text.tokenizer import WordPieceTokenizer


class FillMask(Endpoint):
    """Text with any number of `[MASK]` -> the likeliest pieces for each, entirely in graph.

    A text without `[MASK]`, or whose `[MASK]` lies beyond `max_length`, has no answers.

    Args:
        model: a `BertPretrainer` with a masked-LM head.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        top_k: answers per blank.
        max_length: tokens of a text at most, longer ones are cut; by default what the model can take.

    >>> FillMask.load("runs/wiki")(["The capital of France is [MASK]."])
    {"token": string (batch, blanks, top_k), "token_id": int32, "probability": float32, "num_blanks": int32 (batch,)}
    """

    model_class = BertPretrainer

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *, top_k: int = 5,
                 max_length: int | None = None):
        require(getattr(model, "masked_lm_head", None) is not None, "a model with a masked-LM head",
                model=type(model).__name__)
        super().__init__(model, tokenizer, max_length=max_length)
        pieces = self.tokenizer.vocabulary.pieces
        require(1 <= top_k <= len(pieces), f"`top_k` in [1, {len(pieces)}]", top_k=top_k)
        # Whatever the model was trained with: here "[MASK]" in a text is the token, not four pieces.
        self.tokenizer = WordPieceTokenizer.from_config(self.tokenizer.get_config() | {"keep_special_tokens": True})
        self.top_k = top_k
        self._pieces = outside_of_graphs(list(pieces))

    def __call__(self, texts: Texts) -> dict[str, tf.Tensor]:
        """Answers a batch of texts.

        Args:
            texts: string `(batch,)`.

        Returns:
            `token` string, `token_id` int32 and `probability` float32, all `(batch, blanks, top_k)`, likeliest first,
            where `blanks` is the largest number of blanks in a text; `num_blanks` int32 `(batch,)`. Beyond a text's own
            blanks: empty strings and zeros.
        """
        return self.answer(string_batch(texts))

    def predict(self, texts: Iterable[str], batch_size: int = 32) -> list[list[list[dict]]]:
        """As plain Python: for each text, for each blank, `[{"token", "probability", "text"}, ...]`, likeliest first.

        `text` is the text with this blank filled.
        """
        return in_batches(self._plain, texts, batch_size=batch_size)

    def _plain(self, texts: list[str]) -> Iterable[list[list[dict]]]:
        answers = {name: tensor.numpy() for name, tensor in self(texts).items()}
        mask = self.tokenizer.vocabulary.pieces[self.tokenizer.vocabulary.mask_id]
        for row, text in enumerate(texts):
            text = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
            parts = text.split(mask)
            blanks = []
            for blank in range(answers["num_blanks"][row]):
                before, after = mask.join(parts[:blank + 1]), mask.join(parts[blank + 1:])
                tokens = [token.decode() for token in answers["token"][row, blank]]
                blanks.append([
                    {"token": token, "probability": float(probability), "text": _fill(before, token, after)}
                    for token, probability in zip(tokens, answers["probability"][row, blank], strict=True)])
            yield blanks

    @graph_method(tf.TensorSpec([None], tf.string, name="text"))
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        vocabulary = self.tokenizer.vocabulary
        features = pack(self.tokenizer.tokenize(text), **self.packing)
        blanks = blank_positions(features["token_ids"], vocabulary.mask_id)
        logits = self.model({**features, "masked_positions": blanks.to_tensor()}, training=False)["masked_lm"]
        # Rows of the embedding beyond the vocabulary have no piece.
        probabilities = tf.nn.softmax(logits[:, :, :len(vocabulary)])
        probability, token_id = tf.math.top_k(probabilities, self.top_k)
        num_blanks = tf.cast(blanks.row_lengths(), tf.int32)
        used = tf.sequence_mask(num_blanks, tf.shape(probability)[1])[:, :, tf.newaxis]
        return {
            "token": tf.where(used, tf.gather(self._pieces, token_id), ""),
            "token_id": tf.where(used, token_id, 0),
            "probability": tf.where(used, probability, 0.0),
            "num_blanks": num_blanks,
        }


def blank_positions(token_ids: tf.Tensor, mask_id: int) -> tf.RaggedTensor:
    """Where `mask_id` stands in `token_ids` int `(batch, seq)`: int32 `(batch, (blanks))`."""
    is_blank = token_ids == mask_id
    return tf.ragged.boolean_mask(tf.broadcast_to(tf.range(tf.shape(is_blank)[1]), tf.shape(is_blank)), is_blank)


def _fill(before: str, token: str, after: str) -> str:
    if token.startswith("##"):
        return before.rstrip() + token[2:] + after
    return before + token + after
