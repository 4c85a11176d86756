"""What every kind of document returns, and what it consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from training.nano.documents.questions import Pair
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import Style
from training.nano.sample import Thing
from training.nano.words import Words

Entry = tuple[str, str]
"""A name in a text, of an item or a field, and how many there are, if that is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A whole picture and what can be said about it.

    picture: (H, W, 3) uint8, 150 to 1100 pixels a side. lines: the printed text in reading order, the parts of one row
    joined by one blank. boxes: (len(lines), 4), left, top, right and bottom of their ink in pixels of the picture.
    things: shapes and bars, likewise in pixels of the picture. entries: what is counted in its text. whole: what the
    picture is, in a word or three.
    questions: each with its answer, which may be that there is no such thing. description: one to four sentences.
    """

    picture: np.ndarray
    lines: tuple[str, ...]
    boxes: np.ndarray
    things: tuple[Thing, ...]
    entries: tuple[Entry, ...]
    whole: str
    questions: tuple[Pair, ...]
    description: str


class Content(Protocol):
    """What a document says, before anybody knows how it looks: a frozen dataclass that holds every printed word."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is counted in its text, in reading order."""
        ...

    def questions(self, rng: Random) -> list[Pair]: ...

    def describe(self) -> str: ...


C = TypeVar("C", bound=Content)


class Kind(NamedTuple, Generic[C]):
    """How to invent a content and how to lay it out. mono: how often in a font of one width, 0 to 1.

    coloured: its questions are about colours.
    """

    invent: Callable[[Random, Words], C]
    lay_out: Callable[[Random, Style, C], Sheet]
    mono: float = 0.08
    coloured: bool = False
