"""What the model is trained on: a picture and a conversation about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.nano.fonts import Face
from training.nano.words import Words

_SQUARE = 0.85  # the least ratio of sides


class Thing(NamedTuple):
    """A shape or a bar. box: left, top, right, bottom. size: decides which is the largest. words: printed for it."""

    colour: str
    kind: str
    box: tuple[float, float, float, float]
    size: float
    words: tuple[str, ...] = ()

    @property
    def shape(self) -> str:
        """What can be seen of it alone."""
        if self.kind != "bar":
            return self.kind
        left, top, right, bottom = self.box
        return "square" if _SQUARE < (right - left) / (bottom - top) < 1 / _SQUARE else "rectangle"

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"


class Row(NamedTuple):
    """A row of a canvas, of text or with a thing at its left.

    pixels: (H, W) or (H, W, 3) uint8. centres: (len(text),) x of what each character speaks of, None if not known.
    """

    pixels: np.ndarray
    text: str
    centres: np.ndarray | None
    thing: Thing | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and a conversation about it, or a canvas of rows to be read one by one.

    picture: (H, W, 3) uint8, whole patches. turns: (user, assistant) pairs; the picture stands before the first.
    """

    picture: np.ndarray
    turns: tuple[tuple[str, str], ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """effects: how many of the pictures are coloured, resampled, rotated, blurred and so on, 0 for none, 1 for many."""

    faces: tuple[Face, ...]
    words: Words
    effects: float
