"""What the model is trained on: a picture and a conversation about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.nano.fonts import Face
from training.nano.words import Words


class Thing(NamedTuple):
    """A shape or a bar. box: left, top, right, bottom. size: decides which is the largest. words: printed for it."""

    colour: str
    kind: str
    box: tuple[float, float, float, float]
    size: float
    words: tuple[str, ...] = ()


class Seen(NamedTuple):
    """A line about a picture, and the thing of which it speaks, if of one."""

    text: str
    thing: Thing | None = None


class Row(NamedTuple):
    """A row of text. pixels: (H, W) uint8. centres: (len(text),) x of each character in pixels, None if not known."""

    pixels: np.ndarray
    text: str
    centres: np.ndarray | None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and a conversation about it, or a canvas of rows to be read one by one.

    picture: (H, W, 3) uint8, whole patches. turns: (user, assistant) pairs; the picture stands before the first.
    seen: the lines of the first answer, if it says what there is to see; boxes are in patches.
    """

    picture: np.ndarray
    turns: tuple[tuple[str, str], ...] = ()
    seen: tuple[Seen, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def things(self) -> list[Thing]:
        return list(dict.fromkeys(line.thing for line in self.seen if line.thing))


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """effects: how many of the pictures are coloured, resampled, rotated, blurred and so on, 0 for none, 1 for many."""

    faces: tuple[Face, ...]
    words: Words
    effects: float
