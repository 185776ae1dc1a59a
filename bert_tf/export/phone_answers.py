"""What an app makes of a phone function's answer: ids become words, bytes become characters.

This is the reference for apps (docs/phones.md), and it is what the check after every conversion compares: from the raw
answer to that of the endpoint, with the same names.
"""

import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Answer = dict[str, np.ndarray]


class Tokens(NamedTuple):
    """What the app's own tokeniser knows of the row of ids that went in, where text is read for places in it.

    Attributes:
        ids: int32 `(max_length,)`.
        start_bytes: integers `(max_length,)`, where each piece of the text begins; 0 for all other tokens.
        end_bytes: integers `(max_length,)`, where it ends; 0 for all other tokens.
    """

    ids: np.ndarray
    start_bytes: np.ndarray
    end_bytes: np.ndarray


def endpoint_answer(answer: Mapping[str, np.ndarray], texts: Mapping[str, Sequence], about: Mapping[str, Any],
                    tokens: Tokens | None = None) -> Answer:
    """The answer of the endpoint.

    Args:
        answer: from LiteRT.
        texts: the strings that went in by name, UTF-8.
        about: `model.json` of the file and, under "vocabulary", its list of pieces.
        tokens: if ids went in and the answer has places in the text.

    Returns:
        What the endpoint returns for a batch of this one text, without `truncated` and `bytes_read`.
    """
    answer = dict(answer)
    if "first_token" in answer:
        answer["start_byte"] = tokens.start_bytes[answer.pop("first_token")]
        answer["end_byte"] = tokens.end_bytes[answer.pop("last_token")]
    elif "label_id" in answer and tokens is not None:
        answer, about = _entities(answer, tokens, about)
    return _READERS[about["endpoint"]](answer, texts, about)


def characters(text: bytes, start_byte: int, end_byte: int) -> tuple[int, int, bytes]:
    """Where a stretch of bytes lies, in characters as Python counts them, and what it says.

    Combining marks behind it belong to its last character and are taken in.
    """
    rest = text[end_byte:].decode("utf-8", errors="replace")
    marks = "".join(itertools.takewhile(lambda character: unicodedata.category(character).startswith("M"), rest))
    end_byte += len(marks.encode())
    start, end = (len(text[:place].decode("utf-8", errors="replace")) for place in (start_byte, end_byte))
    return start, end, text[start_byte:end_byte]


def _classification(answer, texts, about):
    if "value" in answer:
        return answer
    if "label_id" in answer:
        return _next_sentence(answer, texts, about) | {"labels": _labels(about)[np.newaxis]}
    labels, probabilities = _labels(about), answer["probabilities"]
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    holds = np.take_along_axis(probabilities, order, axis=-1) > 0.5
    return {"label": np.where(holds, labels[order], b""), "labels": labels[np.newaxis], "probabilities": probabilities,
            "num_labels": holds.sum(axis=-1, dtype=np.int32)}


def _next_sentence(answer, texts, about):
    return {"label": _labels(about)[answer["label_id"]], "probabilities": answer["probabilities"]}


def _labels(about):
    return np.array([label.encode() for label in about["labels"]], object)


def _embedding(answer, texts, about):
    return answer


def _fill_mask(answer, texts, about):
    count = int(answer["num_blanks"][0])
    pieces = np.array([piece.encode() for piece in about["vocabulary"]], object)
    answer = {name: value[:, :count] if value.ndim == 3 else value for name, value in answer.items()}
    return answer | {"token": pieces[answer["token_id"]]}


def _multiple_choice(answer, texts, about):
    if "choices" not in texts:
        return answer
    return answer | {"answer": np.array([texts["choices"][0][answer["choice"][0]]], object)}


def _tagging(answer, texts, about):
    count = int(answer["num_entities"][0])
    columns = _located(answer, texts["text"][0], count) | {
        "type": [about["entity_types"][number].encode() for number in answer["type_id"][0, :count]],
        "score": answer["score"][0, :count]}
    return _one_row(columns) | {"num_entities": answer["num_entities"]}


def _entities(answer, tokens, about):
    """From a label for each token to what a file that takes text answers: words are grouped as seqeval does."""
    pieces = [about["vocabulary"][number] for number in tokens.ids]
    inside = np.flatnonzero(tokens.end_bytes)
    is_word = [position for position in inside if position == inside[0] or not pieces[position].startswith("##")]
    types, found, previous = [], [], ("O", "")
    for position, behind in zip(is_word, [*is_word[1:], *(inside[-1:] + 1)], strict=True):
        label = about["labels"][answer["label_id"][0, position]]
        prefix, kind = label.split("-", 1) if label[:2] in ("B-", "I-", "E-", "S-") else ("I", label)
        if label != "O":
            if prefix in "BS" or previous[0] in "OES" or previous[1] != kind:
                types.append(kind)
                found.append([])
            found[-1].append((tokens.start_bytes[position], tokens.end_bytes[behind - 1], answer["score"][0, position]))
        previous = ("O", "") if label == "O" else (prefix, kind)
    names = sorted(set(types))
    columns = {"start_byte": [words[0][0] for words in found], "end_byte": [words[-1][1] for words in found],
               "type_id": [names.index(kind) for kind in types],
               "score": [np.float32(np.mean([score for _, _, score in words])) for words in found]}
    return ({name: np.array([values]) for name, values in columns.items()}
            | {"num_entities": np.array([len(found)], np.int32)}, {**about, "entity_types": names})


def _question_answering(answer, texts, about):
    columns = _located(answer, texts["context"][0], answer["score"].shape[1])
    columns["answer"] = columns.pop("text")
    return _one_row(columns) | {name: answer[name] for name in ("score", "null_odds", "is_impossible")}


def _located(answer, text, count):
    places = [characters(text, int(answer["start_byte"][0, number]), int(answer["end_byte"][0, number]))
              # An empty stretch is no answer, whatever stands there.
              if answer["end_byte"][0, number] > answer["start_byte"][0, number] else (0, 0, b"")
              for number in range(count)]
    starts, ends, parts = zip(*places, strict=True) if places else ((), (), ())
    return {"start": np.array(starts, np.int32), "end": np.array(ends, np.int32), "text": parts}


def _one_row(columns):
    return {name: np.array([list(values)], object if name in ("text", "type", "answer") else np.asarray(values).dtype)
            for name, values in columns.items()}


_READERS = {
    "Classifier": _classification,
    "NextSentence": _next_sentence,
    "SentenceEmbedder": _embedding,
    "FillMask": _fill_mask,
    "MultipleChoice": _multiple_choice,
    "TokenTagger": _tagging,
    "QuestionAnswerer": _question_answering,
}
"""Name of the endpoint -> its reader."""
