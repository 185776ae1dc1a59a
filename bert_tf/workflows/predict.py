"""Answers for `scripts/predict.py`."""

from collections.abc import Sequence
from pathlib import Path

from absl import logging

from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.reports.tables import print_table


def fill_mask(model: str | Path, texts: Sequence[str], top_k: int = 5) -> list[dict]:
    """For each text `{"text", "blanks"}`, where `blanks` is as in `FillMask.predict`."""
    endpoint = FillMask.load(model, top_k=top_k)
    answers = [{"text": text, "blanks": blanks} for text, blanks in zip(texts, endpoint.predict(texts), strict=True)]
    for answer in answers:
        if not answer["blanks"]:
            logging.warning("No [MASK] within the model's length in: %s", answer["text"][:200])
    return answers


def print_blanks(answers: list[dict]) -> None:
    """A table per blank: probability, piece, the text with the piece in it."""
    for answer in answers:
        for number, blank in enumerate(answer["blanks"], start=1):
            which = f" (blank {number})" if len(answer["blanks"]) > 1 else ""
            print_table(("probability", "token", "text"),
                        [(f"{one['probability']:.1%}", one["token"], one["text"]) for one in blank],
                        title=answer["text"] + which)
