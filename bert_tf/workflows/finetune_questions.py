"""Fine-tuning for extractive question answering."""

import math
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from bert_tf.config import FinetuningConfig, require
from bert_tf.data.encoded import EncodedExamples
from bert_tf.data.examples import Question
from bert_tf.data.question_answering import question_examples
from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.evaluation.cmrc import cmrc_scores
from bert_tf.evaluation.squad import squad2_scores, squad_scores
from bert_tf.models.span_predictor import BertSpanPredictor
from bert_tf.reports.json_file import write_json
from bert_tf.workflows.finetune_task import Evaluation, max_length_for

_QUESTIONS_AT_ONCE = 16


class QuestionTask:
    """Where in a context the answer stands, or that there is none (SQuAD 2.0).

    Args:
        config: the run.
        tune: choose the threshold for no answer by the examples that are scored, and have the model keep it, or none
            where all of them have answers; else the model's own is used, if it has one.
    """

    model_class = BertSpanPredictor
    main_metric = "f1"

    def __init__(self, config: FinetuningConfig, *, tune: bool):
        self._config, self._tune = config, tune

    def model_arguments(self) -> dict[str, Any]:
        """None."""
        return {}

    def trained(self, model: keras.Model) -> keras.Model:
        """The model itself."""
        return model

    def check(self, examples: Sequence[Question], *, scored: bool = False) -> None:
        """With `scored` refuses a question of which the file does not tell the answer, or that there is none."""
        for example in examples if scored else ():
            require(bool(example.answers) or example.is_impossible,
                    f"`answers`, or `is_impossible`, to compare with at {example.place}", answers=[])

    def encode(self, examples: Sequence[Question], model: keras.Model) -> EncodedExamples:
        """A row of token ids for every window, and the positions of the answer in it."""
        return question_examples(examples, model.tokenizer, max_length=max_length_for(self._config, model),
                                 stride=self._config.stride)

    def scorer(self, model: keras.Model) -> Callable[[Sequence[Question]], Evaluation]:
        """The loss of a row is how sure the model is of its answer, times the share of it that is wrong."""
        answerer = QuestionAnswerer(model, top_k=1, max_length=max_length_for(self._config, model),
                                    stride=self._config.stride, max_answer_length=self._config.max_answer_length,
                                    handle_impossible=False)

        def score(examples: Sequence[Question]) -> Evaluation:
            answers = answerer.predict([example.question for example in examples],
                                       [example.context for example in examples], batch_size=_QUESTIONS_AT_ONCE)
            texts = {example.id: answer["answer"] for example, answer in zip(examples, answers, strict=True)}
            odds = {example.id: answer["null_odds"] for example, answer in zip(examples, answers, strict=True)}
            known = all(example.answers or example.is_impossible for example in examples)
            may_lack_answers = any(example.is_impossible for example in examples)
            threshold = getattr(model, "kept_config", {}).get("null_threshold")
            if known and self._tune:
                threshold = _best_threshold(examples, texts, odds) if may_lack_answers else None
            final = {id_: "" if threshold is not None and odds[id_] > threshold else text
                     for id_, text in texts.items()}
            metrics = {}
            if known and may_lack_answers:
                metrics = squad2_scores(examples, texts, odds, math.inf if threshold is None else threshold)
            elif known:
                metrics = (cmrc_scores if is_chinese(examples) else squad_scores)(examples, final)
            rows = [_row(example, final[example.id], answer["score"], known)
                    for example, answer in zip(examples, answers, strict=True)]
            return Evaluation(metrics, rows, model_values={"null_threshold": threshold},
                              predictions=(final, odds if may_lack_answers or threshold is not None else None))

        return score

    def write(self, evaluation: Evaluation, directory: Path, name: str) -> None:
        """`predictions.json` of the official script, and where answers may be lacking `null_odds.json`."""
        texts, odds = evaluation.predictions
        write_json(texts, directory / f"{name}predictions.json")
        if odds is not None:
            write_json(odds, directory / f"{name}null_odds.json")


def _best_threshold(examples: Sequence[Question], texts: dict[str, str], odds: dict[str, float]) -> float:
    """By F1. Where it is best to answer nothing it lies below all odds.

    The official script then says 0, which is that for probabilities; odds may be negative.
    """
    threshold = squad2_scores(examples, texts, odds)["best_f1_thresh"]
    return threshold if threshold in odds.values() else min(odds.values()) - 1.0


def _row(example: Question, predicted: str, probability: float, known: bool) -> dict[str, Any]:
    gold = example.answers[0].text if example.answers else ""
    row = {"place": example.place, "question": example.question, "gold": gold, "predicted": predicted,
           "probability": probability}
    if known:
        f1 = squad2_scores([example], {example.id: predicted})["f1"] / 100
        row["loss"] = probability * (1 - f1)
    return row


def is_chinese(examples: Sequence[Question]) -> bool:
    """Whether most letters of the questions are ideographs, which have no spaces to count words by."""
    letters = [character for example in examples[:100] for character in example.question if character.isalpha()]
    return 2 * sum("CJK" in unicodedata.name(character, "") for character in letters) > len(letters)
