"""What is known of the figures of a picture, as text: their names, what is written at them, and which stand out."""

from __future__ import annotations

from collections.abc import Sequence

from mlxvision.reading.figures import Figure, are_lying
from mlxvision.reading.lines import TextLine

__all__ = ["captions", "list_figures"]

_NEAR = 1.6  # em, between a figure and what is written at it


def list_figures(figures: Sequence[Figure], names: Sequence[str], words: Sequence[Sequence[str]]) -> str:
    """A line for each figure: its name, what is written at it, and in what it exceeds all others."""
    marks: list[list[str]] = [[] for _ in figures]
    if len(figures) > 1:
        numbers = range(len(figures))
        boxes = [figure.box for figure in figures]
        marks[min(numbers, key=lambda i: boxes[i].left + boxes[i].right)].append("left")
        marks[max(numbers, key=lambda i: boxes[i].left + boxes[i].right)].append("right")
        marks[min(numbers, key=lambda i: boxes[i].top + boxes[i].bottom)].append("top")
        marks[max(numbers, key=lambda i: boxes[i].top + boxes[i].bottom)].append("bottom")
        marks[max(numbers, key=lambda i: figures[i].area)].append("largest")
        marks[min(numbers, key=lambda i: figures[i].area)].append("smallest")
    lines = zip(names, words, marks, strict=True)
    return "\n".join("; ".join([name, *written, *marked]) for name, written, marked in lines)


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
