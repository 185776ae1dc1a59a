"""Fine-tuning for multiple choice."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from bert_tf.config import FinetuningConfig
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.examples import ChoiceExample
from bert_tf.data.finetuning import choice_examples
from bert_tf.endpoints.multiple_choice import MultipleChoice
from bert_tf.models.multiple_choice import BertMultipleChoice
from bert_tf.reports.rows import write_tsv
from bert_tf.workflows.finetune_task import BATCH_SIZE, Evaluation, is_labelled, max_length_for


class ChoiceTask:
    """Which of several texts goes on best.

    Args:
        config: the run.
    """

    model_class = BertMultipleChoice
    main_metric = "accuracy"

    def __init__(self, config: FinetuningConfig):
        self._config = config

    def model_arguments(self) -> dict[str, Any]:
        """Dropout."""
        return {"dropout": self._config.dropout}

    def trained(self, model: keras.Model) -> keras.Model:
        """The model itself."""
        return model

    def check(self, examples: Sequence[ChoiceExample], *, scored: bool = False) -> None:
        """Nothing: the reader has checked that every label is a choice."""

    def encode(self, examples: Sequence[ChoiceExample], model: keras.Model) -> EncodedExamples:
        """A row of token ids for every choice."""
        return choice_examples(examples, model.tokenizer, max_length=max_length_for(self._config, model))

    def scorer(self, model: keras.Model) -> Callable[[Sequence[ChoiceExample]], Evaluation]:
        """A row has the probability of the chosen text; its loss is -log of that of the right one."""
        multiple_choice = MultipleChoice(model, max_length=max_length_for(self._config, model))

        def score(examples: Sequence[ChoiceExample]) -> Evaluation:
            answers = multiple_choice.predict([example.context for example in examples],
                                              [example.choices for example in examples], batch_size=BATCH_SIZE // 4)
            rows = [{"place": example.place, "context": example.context,
                     "gold": None if example.label is None else example.choices[example.label],
                     "predicted": answer["answer"], "probability": answer["probabilities"][answer["choice"]]}
                    for example, answer in zip(examples, answers, strict=True)]
            predicted = [answer["choice"] for answer in answers]
            if not is_labelled(examples):
                return Evaluation({}, rows, predictions=predicted)
            for row, example, answer in zip(rows, examples, answers, strict=True):
                row["loss"] = -math.log(max(answer["probabilities"][example.label], 1e-30))
            right = [example.label == choice for example, choice in zip(examples, predicted, strict=True)]
            return Evaluation({"accuracy": sum(right) / len(right)}, rows, predictions=predicted)

        return score

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """`predictions.tsv`."""
        write_tsv(evaluation.rows, directory / f"{name}predictions.tsv")
