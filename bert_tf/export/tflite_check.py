"""Compares a .tflite file with the endpoint it was made from, on texts."""

import dataclasses
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.embedding import SentenceEmbedder
from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.export.phone_answers import Tokens, endpoint_answer
from bert_tf.export.phone_functions import PhoneFunction
from bert_tf.export.phone_model import PhoneModel
from bert_tf.export.phone_windows import PhoneWindows

LIMITS: dict[str, tuple[float, float]] = {
    "none": (1e-4, 1.0), "float16": (0.02, 0.95), "dynamic": (0.15, 0.8), "int8": (0.25, 0.7)}
"""Quantisation -> the largest difference of a probability or value, and the least share of texts whose answers agree.

Differences of embeddings are 1 - cosine, those of values of a regression are relative to their size where it is above
one. On a text whose answer differs in more than numbers (another label, another place) the numbers are not compared.
"""

CHECK_TEXTS = (
    "The waiter was friendly, but my soup arrived cold.", "Who built the bridge over the river in 1932?",
    "Dr. Maria Lopez flew from Madrid to New York on Monday.", "An utterly charming film; I'd watch it again tomorrow!",
    "Der Zug nach München hatte gestern zwei Stunden Verspätung.", "Straße, Größe und Übermut: 3,50 €.",
    "Le café était délicieux, mais le service un peu lent.", "我们昨天在北京看了一部很好的电影。",
    "这家饭馆的菜太咸了，我不会再来。", "駅前の新しい本屋はとても静かで気に入りました。",
    "서울에서 부산까지 기차로 세 시간 걸렸다.", "¿Dónde está la biblioteca más cercana?",
    "ok", "", "A sentence that goes on and on, and on again, " * 12 + "until it ends.")
"""Several languages, short and long ones."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What a comparison saw.

    Attributes:
        signature: of the file.
        num_texts: how many were compared.
        largest_difference: of numbers, as `LIMITS` says.
        agreement: share of the texts whose answers are the same apart from numbers.
        milliseconds: the median for a text, one thread.
        disagreements: some of the texts without agreement.
    """

    signature: str
    num_texts: int
    largest_difference: float
    agreement: float
    milliseconds: float
    disagreements: tuple[str, ...]


def inputs_for(function: PhoneFunction, texts: Sequence[str | bytes]) -> dict[str, np.ndarray]:
    """The strings that go in by name: as many texts as there are inputs, choices are all that are left."""
    texts = [text if isinstance(text, bytes) else text.encode() for text in texts]
    inputs = {}
    for name in function.text_inputs:
        taken, texts = (texts, []) if name == "choices" else (texts[:1], texts[1:])
        inputs[name] = np.array([taken] if name == "choices" else taken, object)
    return inputs


def ids_for(function: PhoneFunction, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The packed ids of strings, from the tokeniser of the endpoint."""
    features = function.features({name: tf.constant(value, tf.string) for name, value in inputs.items()})
    return {name: features[name].numpy() for name in function.specs}


def compare(model: PhoneModel, signature: str, function: PhoneFunction, rows: Sequence[Sequence[str | bytes]],
            about: Mapping[str, Any]) -> Agreement:
    """Answers every row twice.

    Args:
        model: the file.
        signature: of the file.
        function: what it was made from.
        rows: texts for each request, see `inputs_for`.
        about: as for `endpoint_answer`.
    """
    differences, agreements, seconds, disagreements = [], [], [], []
    for row in rows:
        inputs = inputs_for(function, row)
        fed = inputs if function.takes_text else ids_for(function, inputs)
        start = time.perf_counter()
        answer = model(signature, fed)
        seconds.append(time.perf_counter() - start)
        tokens = _tokens(function, inputs, fed)
        inputs = _read_part(function, inputs, answer, tokens)
        expected = _expected(function, inputs)
        answer = endpoint_answer({name: value for name, value in answer.items()
                                  if name not in ("truncated", "bytes_read")},
                                 inputs if function.takes_text or tokens else {}, about, tokens)
        same, difference = _compared(answer, expected, is_embedding=isinstance(function.endpoint, SentenceEmbedder))
        agreements.append(same)
        differences.append(difference)
        if not same:
            disagreements.append(" | ".join(text if isinstance(text, str) else repr(text) for text in row))
    return Agreement(signature, len(rows), max(differences), sum(agreements) / len(rows),
                     1000 * statistics.median(seconds), tuple(disagreements[:5]))


def require_agreement(found: Agreement, quantize: str) -> None:
    """Raises a ValueError if `found` is beyond the limits of `quantize`."""
    most, least = LIMITS[quantize]
    require(found.largest_difference <= most and found.agreement >= least,
            f"the answers of the file to be those of the model: numbers within {most:g}, at least {least:.0%} of the "
            "texts with the same answer", signature=found.signature,
            largest_difference=round(found.largest_difference, 6), agreement=round(found.agreement, 3),
            disagreements=list(found.disagreements))


def _tokens(function: PhoneFunction, inputs: Mapping[str, np.ndarray],
            fed: Mapping[str, np.ndarray]) -> Tokens | None:
    """Where the tokens of a row of ids come from, for heads whose answers are places in the text."""
    if function.takes_text or not isinstance(function, PhoneWindows):
        return None
    _, *places = function.tokenizer.tokenize_with_offsets(tf.constant(inputs[function.text_inputs[-1]], tf.string))
    row = {name: values[0] for name, values in fed.items()}
    # The text is the last part of the row, before its last [SEP].
    limit = int(row["padding_mask"].sum()) - 1
    first = int(row["segment_ids"].argmax()) if len(function.text_inputs) == 2 else 1
    return Tokens(row["token_ids"], *(
        np.pad(values[0, :limit - first].numpy(), (first, len(row["token_ids"]) - limit)) for values in places))


def _read_part(function: PhoneFunction, inputs: Mapping[str, np.ndarray], answer: Mapping[str, np.ndarray],
               tokens: Tokens | None) -> Mapping[str, np.ndarray]:
    """The strings, the last one cut where the file had no room for its rest."""
    if tokens is not None:
        bytes_read = int(tokens.end_bytes.max())
    elif "bytes_read" in answer and answer["truncated"][0]:
        bytes_read = int(answer["bytes_read"][0])
    else:
        return inputs
    name = function.text_inputs[-1]
    return {**inputs, name: np.array([inputs[name][0][:bytes_read]], object)}


def _expected(function: PhoneFunction, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the endpoint answers."""
    method = "answer_pair" if len(inputs) == 2 and hasattr(function.endpoint, "answer_pair") else "answer"
    expected = getattr(function.endpoint, method)(*(tf.constant(value, tf.string) for value in inputs.values()))
    expected = {name: value.numpy() for name, value in expected.items()}
    if not function.takes_text and "choice" in expected:
        expected.pop("answer")  # the text of a choice did not go in
    return expected


def _compared(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], *,
              is_embedding: bool) -> tuple[bool, float]:
    """Whether all but numbers is equal, and how far numbers are apart."""
    require(actual.keys() == expected.keys(), "the same outputs", actual=sorted(actual), expected=sorted(expected))
    same, difference = True, 0.0
    for name, value in expected.items():
        if not np.issubdtype(value.dtype, np.floating):
            same &= np.array_equal(actual[name], value)
    for name, value in expected.items():
        if same and np.issubdtype(value.dtype, np.floating) and value.size:
            difference = max(difference, _difference(actual[name], value, is_embedding=is_embedding))
    return bool(same), difference


def _difference(actual: np.ndarray, expected: np.ndarray, *, is_embedding: bool) -> float:
    if is_embedding:
        norms = np.linalg.norm(actual, axis=-1) * np.linalg.norm(expected, axis=-1)
        return float(np.max(1 - np.sum(actual * expected, axis=-1) / np.maximum(norms, 1e-12)))
    return float(np.max(np.abs(actual - expected) / np.maximum(np.abs(expected), 1)))


def built_in_rows(function: PhoneFunction) -> list[tuple[str, ...]]:
    """Requests of `CHECK_TEXTS`: each text, with its successors where more than one goes in."""
    mask = ""
    if isinstance(function.endpoint, FillMask):
        vocabulary = function.endpoint.tokenizer.vocabulary
        mask = f" {vocabulary.pieces[vocabulary.mask_id]}"
    width = {"choices": 3}.get(function.text_inputs[-1], len(function.text_inputs))
    texts = [text + mask for text in CHECK_TEXTS]
    if isinstance(function.endpoint, QuestionAnswerer):
        texts = texts[1:]  # the longest one as a context
    return [tuple((texts * 2)[number:number + width]) for number in range(len(texts))]
