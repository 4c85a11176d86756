"""What the model is trained on: a picture and a conversation about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.nano.fonts import Face
from training.nano.words import Words


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and a conversation about it.

    picture: (H, W, 3) uint8, whole patches. turns: (user, assistant) pairs; the picture stands before the first.
    centres: (n, 2) x and y in pixels where each character of the first answer is printed, None where it is not.
    """

    picture: np.ndarray
    turns: tuple[tuple[str, str], ...]
    centres: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """effects: how many of the pictures are coloured, resampled, rotated, blurred and so on, 0 for none, 1 for many."""

    faces: tuple[Face, ...]
    words: Words
    effects: float
