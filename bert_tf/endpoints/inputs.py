"""What callers give: strings in Python or in tensors, and any number of them."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from bert_tf.config import require

Texts = Sequence[str] | tf.Tensor


def string_batch(texts: Texts, name: str = "text") -> tf.Tensor:
    """`texts` as a string tensor `(batch,)`.

    Half a surrogate pair, which Python's strings can hold and UTF-8 cannot, becomes a question mark, so that positions
    stay as they are.

    Raises:
        ValueError: something else than strings, or one string instead of a list.
    """
    if not tf.is_tensor(texts):
        texts = tf.constant([_encoded(text, name) for text in text_list(texts, name)], tf.string)
    require(texts.dtype == tf.string and texts.shape.rank in (1, None), f"`{name}` to be strings of shape (batch,)",
            dtype=texts.dtype.name, shape=tuple(texts.shape))
    return texts


def text_list(texts: Iterable[str], name: str = "text") -> list[str]:
    """`texts` as a list; one string instead of a list is an error."""
    require(isinstance(texts, Iterable) and not isinstance(texts, str | bytes), f"`{name}` to be a list of strings",
            **{name: texts})
    return list(texts)


def _encoded(text: Any, name: str) -> bytes:
    require(isinstance(text, str | bytes), f"`{name}` to be a list of strings", element=text)
    return text.encode("utf-8", errors="replace") if isinstance(text, str) else text


def in_batches(answer: Callable[..., Iterable], *columns: Iterable[str], batch_size: int) -> list:
    """Answers any number of rows, similar lengths together so that padding costs little.

    Args:
        answer: from the columns of a batch to an answer for each row.
        *columns: equally long lists of texts.
        batch_size: rows at once at most.

    Returns:
        The answers, in the order of the rows.
    """
    require(batch_size >= 1, "`batch_size` >= 1", batch_size=batch_size)
    columns = [text_list(column) for column in columns]
    for element in itertools.chain(*columns):
        require(isinstance(element, str | bytes | list), "lists of strings", element=element)
    lengths = [len(column) for column in columns]
    require(len(set(lengths)) == 1, "as many texts as texts that go with them", numbers=lengths)
    rows = list(zip(*columns, strict=True))
    order = sorted(range(len(rows)), key=lambda index: sum(map(len, rows[index])))
    answers: list = [None] * len(rows)
    for start in range(0, len(order), batch_size):
        indices = order[start:start + batch_size]
        batch = zip(*(rows[index] for index in indices), strict=True)
        for index, one in zip(indices, answer(*map(list, batch)), strict=True):
            answers[index] = one
    return answers
