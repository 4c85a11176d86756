"""What the model is trained on: a picture and a conversation about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.nano.fonts import Face
from training.nano.words import Words


class Thing(NamedTuple):
    """A shape or a bar. box: left, top, right, bottom."""

    colour: str
    kind: str
    box: tuple[float, float, float, float]


class Row(NamedTuple):
    """A row of text. pixels: (H, W) uint8. centres: (len(text),) x of each character in pixels, None if not known."""

    pixels: np.ndarray
    text: str
    centres: np.ndarray | None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and a conversation about it, or a canvas of rows to be read one by one.

    things: of a picture without text to be read on it, in its pixels.

    picture: (H, W, 3) uint8, whole patches. turns: (user, assistant) pairs; the picture stands before the first.
    """

    picture: np.ndarray
    turns: tuple[tuple[str, str], ...] = ()
    things: tuple[Thing, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """effects: how many of the pictures are coloured, resampled, rotated, blurred and so on, 0 for none, 1 for many."""

    faces: tuple[Face, ...]
    words: Words
    effects: float
