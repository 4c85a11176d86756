"""How one document looks: its fonts and colours."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from training.nano.fonts import Face, Font, font

Colour = tuple[int, int, int]

SIZES = (*range(10, 21), *range(22, 33, 2), *range(36, 61, 4))
"""Few enough for fonts and their measures to be met again."""

NAMED: dict[str, tuple[Colour, Colour]] = {
    "red": ((195, 10, 10), (240, 50, 55)),
    "green": ((15, 130, 25), (65, 180, 80)),
    "blue": ((15, 50, 180), (60, 110, 245)),
    "yellow": ((240, 212, 10), (255, 235, 75)),
    "orange": ((243, 125, 0), (255, 152, 30)),
    "purple": ((105, 25, 135), (145, 60, 190)),
    "pink": ((248, 120, 175), (255, 170, 205)),
    "brown": ((110, 62, 20), (140, 85, 45)),
    "black": ((0, 0, 0), (24, 24, 24)),
    "white": ((244, 244, 244), (255, 255, 255)),
    "gray": ((120, 120, 120), (150, 150, 150)),
}
"""The darkest and the lightest shade that bears the name."""


@dataclass(frozen=True, slots=True)
class Style:
    """paper, ink: of the text. accent: for a head, a button, a bar. dim: for rules and asides."""

    face: Face
    heading: Face
    paper: Colour
    ink: Colour
    accent: Colour
    dim: Colour

    def font(self, size: float) -> Font:
        return font(self.face, near(size))

    def bold(self, size: float) -> Font:
        return font(self.heading, near(size))


def near(size: float) -> int:
    """The size at hand that is not larger."""
    return SIZES[max(0, bisect_right(SIZES, size) - 1)]


def choose(rng: Random, faces: Sequence[Face], effects: float, characters: frozenset[str]) -> Style | None:
    """A style that can print all the characters, or None. Designs are equally likely, however many files they have."""
    able = [face for face in faces if characters <= face.characters]
    if not able:
        return None
    design = rng.choice(sorted({face.design for face in able}))
    family = [face for face in able if face.design == design]
    strong = [face for face in family if "bold" in face.path.lower()] if rng.random() < 0.7 else []
    heading = rng.choice(strong or (able if rng.random() < 0.3 else family))
    return Style(rng.choice(family), heading, *_colours(rng, effects))


def shade(rng: Random, name: str) -> Colour:
    """One of the shades that bear the name."""
    low, high = NAMED[name]
    if low[0] == low[1] == low[2]:
        return _gray(rng, low[0], high[0])
    return rng.randint(low[0], high[0]), rng.randint(low[1], high[1]), rng.randint(low[2], high[2])


def luminance(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def contrast(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read on the colour."""
    return (0, 0, 0) if luminance(colour) > 140 else (255, 255, 255)


def blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _colours(rng: Random, effects: float) -> tuple[Colour, Colour, Colour, Colour]:
    kind = rng.random() if effects else 0.0
    if kind < 0.45:
        paper, ink = _gray(rng, 240, 255), _gray(rng, 0, 60)
    elif kind < 0.75:
        paper, ink = _between(rng, 205, 255), _between(rng, 0, 90)
    elif kind < 0.93:
        paper, ink = _between(rng, 5, 60), _between(rng, 185, 255)
    else:
        paper = shade(rng, rng.choice(tuple(NAMED)))
        ink = contrast(paper)
    accent = shade(rng, rng.choice(("red", "green", "blue", "orange", "purple", "brown", "black", "gray")))
    if abs(luminance(accent) - luminance(paper)) < 60:
        accent = ink
    return paper, ink, accent, blend(ink, paper, rng.uniform(0.15, 0.6))


def _gray(rng: Random, low: int, high: int) -> Colour:
    level = rng.randint(low, high)
    return level, level, level


def _between(rng: Random, low: int, high: int) -> Colour:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)
