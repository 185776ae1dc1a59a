"""Questions with their right answers."""

from typing import NamedTuple


class Right(NamedTuple):
    """A right answer."""

    text: str


class Asked(NamedTuple):
    """A question."""

    id: str
    answers: tuple[Right, ...]


def asked(*answers, id_="q"):
    """A question with these right answers."""
    return Asked(id_, tuple(map(Right, answers)))
