"""Rows as the engine's reading plan cuts them out of documents, with whatever it gets wrong about size and place."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np

from mlxvision.reading import find_lines, lay_out, lay_out_figures
from mlxvision.types import Box, Rows
from training.nano.documents import draw
from training.nano.model import GRID, PATCH
from training.nano.rows import EM_PX, ROW_PX
from training.nano.sample import Row, Source, Thing

ROWS = Rows(GRID * PATCH, ROW_PX, EM_PX)

_KINDS = {
    "receipt": 4, "invoice": 3, "form": 3, "table": 3, "dialog": 2, "article": 3, "listing": 4, "label": 1, "chart": 1,
}  # fmt: skip
_SAME_WIDTH, _SAME_HEIGHT = 0.93, 0.4
_LOOSE = 0.04  # of its size: so far may the edge of a figure be missed


def cut_rows(rng: Random, source: Source) -> list[Row]:
    """The rows of a document that hold one whole line each and whose text is certain."""
    document = draw(rng, source, rng.choices(list(_KINDS), list(_KINDS.values()))[0])
    found = find_lines(document.picture)
    sheets = lay_out(document.picture, found, ROWS)
    numbers = Counter(number for sheet in sheets for number in sheet.lines)
    texts = _texts(np.array([(b.left, b.top, b.right, b.bottom) for b in (line.box for line in found)]), document)
    rows = []
    for sheet in sheets:
        for i, number in enumerate(sheet.lines):
            if numbers[number] == 1 and number in texts:
                pixels = sheet.canvas[i * ROW_PX : (i + 1) * ROW_PX, :, 0]
                rows.append(Row(pixels, texts[number], None))
    return rows


def cut_figures(rng: Random, source: Source) -> list[Row]:
    """The things of a document, a row each."""
    document = draw(rng, source, rng.choices(("scene", "chart"), (3, 1))[0])
    boxes = [_loosely(rng, thing, document.picture.shape) for thing in document.things]
    rows = []
    for sheet in lay_out_figures(document.picture, boxes, ROWS):
        for i, number in enumerate(sheet.lines):
            thing, pixels = document.things[number], sheet.canvas[i * ROW_PX : (i + 1) * ROW_PX]
            drawn = np.flatnonzero((pixels != 255).any((0, 2)))
            middle = float(drawn[0] + drawn[-1]) / 2 if len(drawn) else ROW_PX / 2
            rows.append(Row(pixels, thing.name, np.full(len(thing.name), middle), thing))
    return rows


def _loosely(rng: Random, thing: Thing, shape: tuple[int, ...]) -> Box:
    left, top, right, bottom = thing.box
    across, down = (right - left) * rng.uniform(0, _LOOSE), (bottom - top) * rng.uniform(0, _LOOSE)
    left, right = (round(x + rng.choice((-across, 0, across))) for x in (left, right))
    top, bottom = (round(y + rng.choice((-down, 0, down))) for y in (top, bottom))
    left, top = min(max(0, left), shape[1] - 1), min(max(0, top), shape[0] - 1)
    return Box(left, top, max(left + 1, min(shape[1], right)), max(top + 1, min(shape[0], bottom)))


def _texts(boxes: np.ndarray, document) -> dict[int, str]:
    """boxes: (n, 4), what was found -> the text of each that is one line of the document and no other's."""
    if not len(boxes) or not len(document.boxes):
        return {}
    alike = (_overlap(boxes, document.boxes, 0) > _SAME_WIDTH) & (_overlap(boxes, document.boxes, 1) > _SAME_HEIGHT)
    sure = alike & (alike.sum(1, keepdims=True) == 1) & (alike.sum(0) == 1)
    return {int(i): document.lines[j] for i, j in np.argwhere(sure)}


def _overlap(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """(n, 4), (m, 4) -> (n, m), intersection over union along x or y."""
    low, high = a[:, None, axis], a[:, None, axis + 2]
    inside = np.minimum(high, b[None, :, axis + 2]) - np.maximum(low, b[None, :, axis])
    around = np.maximum(high, b[None, :, axis + 2]) - np.minimum(low, b[None, :, axis])
    return inside / np.maximum(around, 1)
