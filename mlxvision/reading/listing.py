"""What is known of the figures of a picture, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlxvision.reading.figures import Figure, are_lying
from mlxvision.reading.lines import TextLine

__all__ = ["captions", "list_figures"]

_NEAR = 1.6  # em, between a figure and what is written at it


def list_figures(figures: Sequence[Figure], names: Sequence[str], words: Sequence[Sequence[str]]) -> str:
    """A line for each figure, what is written at it and its name; which stand out; how many there are of each sort."""
    if not figures:
        return ""
    lines = ["; ".join([*written, name]) for written, name in zip(words, names, strict=True)]
    if len(figures) > 1:
        across = [float(figure.box.left + figure.box.right) for figure in figures]
        down = [float(figure.box.top + figure.box.bottom) for figure in figures]
        areas = [figure.area for figure in figures]
        for mark, pick, values in (
            ("left", min, across),
            ("right", max, across),
            ("top", min, down),
            ("bottom", max, down),
            ("largest", max, areas),
            ("smallest", min, areas),
        ):
            first = values.index(pick(values))
            lines.append(f"{mark}: {[*words[first], names[first]][0]}")
    return "\n".join([*lines, *_tally(names), f"figures: {len(figures)}"])


def _tally(names: Sequence[str]) -> list[str]:
    """How many there are of a name, a shape or a colour that more than one has."""
    counts = Counter[str]()
    for name in names:
        colour, _, shape = name.partition(" ")
        counts.update((f"{name}s", f"{shape}s", f"{colour} shapes") if shape else ())
    return [f"{sort}: {count}" for sort, count in counts.items() if count > 1]


def captions(figures: Sequence[Figure], texts: Sequence[TextLine]) -> list[list[int]]:
    """For each figure the numbers of the texts that stand at its ends, first those where it begins: at the bottom, or
    at the left if all figures begin there."""
    lying = are_lying(figures)
    found: list[list[tuple[float, int]]] = [[] for _ in figures]
    for number, text in enumerate(texts):
        box = text.box
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        for i, figure in enumerate(figures):
            own = figure.box
            if lying:
                beside, along = own.top <= y <= own.bottom, (own.left - box.right, box.left - own.right)
            else:
                beside, along = own.left <= x <= own.right, (box.top - own.bottom, own.top - box.bottom)
            if beside and max(along) < _NEAR * text.em_px:
                found[i].append((-along[0], number))
    return [[number for _, number in sorted(own)] for own in found]
