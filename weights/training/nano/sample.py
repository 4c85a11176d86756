"""What every kind of picture returns, and what it draws from."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np

from training.nano.fonts import Face
from training.nano.words import Words


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and a conversation about it.

    picture: (H, W, 3) uint8. turns: user, assistant, ..., user; the picture stands before the first.
    centres: (len(answer), 2) x and y in pixels where the answer is printed, None where it is not.
    """

    picture: np.ndarray
    turns: tuple[str, ...]
    answer: str
    centres: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """effects: how many of the pictures are coloured, resampled, rotated, blurred and so on, 0 for none, 1 for many."""

    faces: tuple[Face, ...]
    words: Words
    effects: float


@dataclass(frozen=True, slots=True)
class Canvas:
    """height, width: in pixels."""

    height: int
    width: int


class Kind(Protocol):
    def __call__(self, rng: Random, source: Source, canvas: Canvas) -> Sample | None:
        """A picture that fills the canvas, or None if this attempt did not fit."""
        ...
