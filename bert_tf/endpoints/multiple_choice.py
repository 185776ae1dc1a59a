"""A context and several choices in, the best choice out."""

from collections.abc import Iterable, Sequence

import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.endpoints.inputs import Texts, in_batches, string_batch, text_list
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.text.packing import Slices, pack_slices


class MultipleChoice(Endpoint):
    """Context and choices -> the choice that continues the context best, entirely in graph.

    Args:
        model: a `BertMultipleChoice`.
        tokenizer: text to ids; by default the one that `load_model` gave the model.
        max_length: tokens of context and choice at most, more are cut; by default what the model can take.

    >>> MultipleChoice.load("runs/swag")(["He opened the door"], [["and went in.", "and ate it."]])
    {"choice": int32 (batch,), "answer": string (batch,), "probabilities": float32 (batch, choices)}
    """

    model_class = BertMultipleChoice

    def __call__(self, contexts: Texts, choices: Sequence[Sequence[str]] | tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers a batch.

        Args:
            contexts: string `(batch,)`.
            choices: string `(batch, choices)`, or lists of different lengths. An empty string is no choice, unless the
                row has nothing else: rows with fewer choices are filled up with them.

        Returns:
            `choice` int32 `(batch,)`, the index of the best; `answer` string `(batch,)`, its text; `probabilities`
            float32 `(batch, choices)`, 0 where there is no choice.
        """
        return self.answer(string_batch(contexts, "context"), _choice_batch(choices))

    def predict(self, contexts: Iterable[str], choices: Iterable[Sequence[str]], batch_size: int = 16) -> list[dict]:
        """As plain Python: for each context `{"choice": index, "answer": text, "probabilities": [...]}`."""
        rows = [text_list(row, "choices") for row in choices]
        return in_batches(lambda *batch: self._plain(*batch), contexts, rows, batch_size=batch_size)

    def _plain(self, contexts: list[str], choices: list[list[str]]) -> Iterable[dict]:
        answers = {name: tensor.numpy().tolist() for name, tensor in self(contexts, choices).items()}
        for row, choice, probabilities in zip(choices, answers["choice"], answers["probabilities"], strict=True):
            if not any(row):  # equally good, and so are those that filled it up
                choice, probabilities = 0, [1 / len(row)] * len(row)
            yield {"choice": choice, "answer": row[choice], "probabilities": probabilities[:len(row)]}

    @graph_method(tf.TensorSpec([None], tf.string, name="context"),
                  tf.TensorSpec([None, None], tf.string, name="choices"))
    def answer(self, context: tf.Tensor, choices: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `__call__`."""
        num_choices = tf.shape(choices)[1]
        contexts, continuations = self.tokenizer.tokenize(context), self.tokenizer.tokenize(tf.reshape(choices, [-1]))
        # Every pair is a row of its own, (batch x choices), until the model gets (batch, choices, seq).
        rows = tf.repeat(tf.range(tf.size(context)), num_choices)
        pairs = pack_slices(
            Slices(contexts.values, tf.gather(contexts.row_starts(), rows), tf.gather(contexts.row_lengths(), rows)),
            Slices(continuations.values, continuations.row_starts(), continuations.row_lengths()), **self.packing)
        shape = tf.stack([tf.size(context), num_choices, tf.shape(pairs["token_ids"])[1]])
        features = {name: tf.reshape(values, shape) for name, values in pairs.items()}
        logits = self.model(features, training=False)["logits"]

        is_choice = choices != ""
        is_choice |= ~tf.reduce_any(is_choice, axis=-1, keepdims=True)
        probabilities = tf.nn.softmax(tf.where(is_choice, logits, logits.dtype.min))
        best = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        return {"choice": best, "answer": tf.gather(choices, best, batch_dims=1), "probabilities": probabilities}


def _choice_batch(choices: Sequence[Sequence[str]] | tf.Tensor) -> tf.Tensor:
    """The choices as a dense tensor, filled up with empty strings."""
    if isinstance(choices, tf.RaggedTensor):
        choices = choices.to_tensor("")
    if not tf.is_tensor(choices):
        rows = [text_list(row, "choices") for row in text_list(choices, "choices")]
        widest = max(map(len, rows), default=1)
        require(all(rows), "at least one choice for each context", choices=rows)
        flat = string_batch([text for row in rows for text in [*row, *[""] * (widest - len(row))]], "choices")
        choices = tf.reshape(flat, [len(rows), widest])
    require(choices.dtype == tf.string and choices.shape.rank == 2, "`choices` to be strings of shape (batch, choices)",
            dtype=choices.dtype.name, shape=tuple(choices.shape))
    return choices
