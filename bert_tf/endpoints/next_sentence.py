"""Two texts in, out: whether the second follows the first."""

import keras
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, string_batch
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.text.packing import pack
from bert_tf.text.pieces import outside_of_graphs
from bert_tf.text.tokenizer import WordPieceTokenizer


class NextSentence(Endpoint):
    """Pairs of texts -> whether the second follows the first, entirely in graph.

    Args:
        model: a `BertPretrainer` with a next-sentence head.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        max_length: tokens of a pair at most, longer ones are cut; by default what the model can take.

    >>> NextSentence.load("runs/wiki")(["It rained."], ["The street was wet."])
    {"label": string (batch,), "probabilities": float32 (batch, 2)}
    """

    model_class = BertPretrainer
    labels = ("follows", "elsewhere")
    """In the order of the probabilities (`features.py`, next_sentence_label)."""

    def __init__(self, model: keras.Model, tokenizer: WordPieceTokenizer | None = None, *,
                 max_length: int | None = None):
        super().__init__(model, tokenizer, max_length=max_length)
        require(model.next_sentence_head is not None, "a model with a next-sentence head", model=type(model).__name__,
                next_sentence=False)
        self._label_names = outside_of_graphs(list(self.labels))

    def __call__(self, texts: Texts, second_texts: Texts) -> dict[str, tf.Tensor]:
        """Answers a batch of pairs.

        Args:
            texts: string `(batch,)`.
            second_texts: string `(batch,)`.

        Returns:
            `label` string `(batch,)`, one of `labels`; `probabilities` float32 `(batch, 2)`, in the order of `labels`.
        """
        return self.answer(string_batch(texts), string_batch(second_texts, "second_text"))

    @graph_method(tf.TensorSpec([None], tf.string, name="text"),
                  tf.TensorSpec([None], tf.string, name="second_text"))
    def answer(self, text: tf.Tensor, second_text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        features = pack(self.tokenizer.tokenize(text), self.tokenizer.tokenize(second_text), **self.packing)
        if self.model.masked_lm_head is not None:  # which is given nothing to predict
            features["masked_positions"] = features["token_ids"][:, :0]
        probabilities = tf.nn.softmax(self.model(features, training=False)["next_sentence"])
        return {"label": tf.gather(self._label_names, tf.argmax(probabilities, axis=-1)),
                "probabilities": probabilities}
