"""Fine-tuning for named entities and other labels of words."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bert_tf.config import FinetuningConfig
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.examples import TaggedSentence
from bert_tf.data.tagging import tagging_examples, tags_of_words
from bert_tf.evaluation.entities import entity_scores
from bert_tf.files import whole_file
from bert_tf.models.token_classifier import BertTokenClassifier
from bert_tf.workflows.finetune_task import BATCH_SIZE, Evaluation, max_length_for


class TaggingTask:
    """A tag for every word.

    Args:
        config: the run.
        labels: BIO tags in the order of the logits.
    """

    model_class = BertTokenClassifier
    main_metric = "f1"

    def __init__(self, config: FinetuningConfig, labels: Sequence[str]):
        self._config, self._labels = config, tuple(labels)

    def model_arguments(self) -> dict[str, Any]:
        """Labels and dropout."""
        return {"labels": self._labels, "dropout": self._config.dropout}

    def trained(self, model: keras.Model) -> keras.Model:
        """The model itself."""
        return model

    def check(self, examples: Sequence[TaggedSentence], *, scored: bool = False) -> None:
        """Nothing: tags that the model does not have cannot be found and count as missed."""

    def encode(self, examples: Sequence[TaggedSentence], model: keras.Model) -> EncodedExamples:
        """Token ids, and for the first piece of each word the number of its tag."""
        return tagging_examples(examples, model.tokenizer, labels=self._labels,
                                max_length=max_length_for(self._config, model))

    def scorer(self, model: keras.Model) -> Callable[[Sequence[TaggedSentence]], Evaluation]:
        """The loss of a row is the sum of -log probability of its words' right tags."""
        @tf.function(reduce_retracing=True, autograph=False)
        def log_probabilities(features):
            return tf.nn.log_softmax(model(features, training=False)["logits"])

        def score(examples: Sequence[TaggedSentence]) -> Evaluation:
            # Without tags: those that the model does not have are no error here.
            encoded = self.encode([TaggedSentence(example.words) for example in examples], model)
            results = [row for features, _, _ in encoded.evaluation_batches(BATCH_SIZE)
                       for row in log_probabilities(features).numpy()]
            results = encoded.in_order(results)
            predicted = tags_of_words(encoded, [row.argmax(axis=-1) for row in results], examples, self._labels)
            rows = [{"place": example.place, "text": " ".join(example.words), "predicted": _entities(example, tags)}
                    for example, tags in zip(examples, predicted, strict=True)]
            predictions = [(example.words, example.tags, tags)
                           for example, tags in zip(examples, predicted, strict=True)]
            if any(example.tags is None for example in examples):
                return Evaluation({}, rows, predictions=predictions)
            for row, example, loss in zip(rows, examples, self._losses(encoded, results, examples), strict=True):
                row |= {"gold": _entities(example, example.tags), "loss": loss}
            metrics = entity_scores([example.tags for example in examples], predicted)
            return Evaluation(metrics, rows, {"types": metrics.pop("types")}, predictions=predictions)

        return score

    def _losses(self, encoded: EncodedExamples, results: Sequence[np.ndarray],
                examples: Sequence[TaggedSentence]) -> list[float]:
        """For each sentence; tags that the model does not have are left out."""
        numbers = {label: number for number, label in enumerate(self._labels)}
        losses = [0.0] * len(examples)
        for number, (source, result) in enumerate(zip(encoded.sources, results, strict=True)):
            words = encoded.token_words[encoded.row_splits[number]:encoded.row_splits[number + 1]]
            for position in np.flatnonzero(words >= 0):
                tag = numbers.get(examples[source].tags[words[position]])
                losses[source] -= 0.0 if tag is None else float(result[position, tag])
        return losses

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """`predictions.conll`: a word a line with its right tag, where known, and the predicted one, as in CoNLL."""
        with whole_file(directory / f"{name}predictions.conll") as unfinished:
            unfinished.write_text("\n".join(map(_as_columns, evaluation.predictions)), encoding="utf-8")


def _entities(example: TaggedSentence, tags: Sequence[str]) -> str:
    """The tagged stretches for a reader: `Ann Lee (person), Paris (place)`."""
    found: list[tuple[list[str], str]] = []
    before = "O"
    for word, tag in zip(example.words, tags, strict=True):
        if tag.startswith("I-") and before[2:] == tag[2:]:
            found[-1][0].append(word)
        elif tag != "O":
            found.append(([word], tag[2:]))
        before = tag
    return ", ".join(f"{' '.join(words)} ({kind})" for words, kind in found)


def _as_columns(prediction: tuple) -> str:
    words, gold, predicted = prediction
    columns = (words, predicted) if gold is None else (words, gold, predicted)
    return "".join(f"{chr(9).join(fields)}\n" for fields in zip(*columns, strict=True))
