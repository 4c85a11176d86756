"""Lines laid out as rows of one height, dark on white, on square canvases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image

from mlxvision.reading.cleaning import clean, contrast_grey
from mlxvision.reading.lines import TextLine
from mlxvision.reading.strip import Frame, Track, straighten
from mlxvision.types import Box, Rows

__all__ = ["Sheet", "lay_out"]

_BASELINE = 17.5 / 24  # of a row's height, from its top
_MARGIN_PX = 2
_WIDEST_GAP = 1.0  # em
_BESIDE = 0.12  # em, kept on both sides of a run
_BLANK = 208  # a column without anything darker is blank
_WORD_GAP = 0.2  # em


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """canvas: (canvas_px, canvas_px, 3) uint8.

    lines: for each row of it, from the top, the number of the line it shows; a line too long for one row goes on in
    the next.
    """

    canvas: np.ndarray
    lines: tuple[int, ...]


def lay_out(pixels: np.ndarray, lines: Sequence[TextLine], rows: Rows) -> list[Sheet]:
    """pixels: (H, W, 3) uint8, the picture that the lines were found in."""
    pieces = [(i, piece) for i in range(len(lines)) for piece in _rows_of(pixels, lines, i, rows)]
    fit = rows.canvas_px // rows.row_px
    sheets = []
    for first in range(0, len(pieces), fit):
        canvas = np.full((rows.canvas_px, rows.canvas_px), 255, np.uint8)
        shown = pieces[first : first + fit]
        for row, (_, piece) in enumerate(shown):
            top = row * rows.row_px
            canvas[top : top + rows.row_px, _MARGIN_PX - 1 : _MARGIN_PX - 1 + piece.shape[1]] = piece
        sheets.append(Sheet(np.repeat(canvas[..., None], 3, 2), tuple(i for i, _ in shown)))
    return sheets


def _rows_of(pixels: np.ndarray, lines: Sequence[TextLine], number: int, rows: Rows) -> Iterator[np.ndarray]:
    """Line `number` in pieces of a row's height and at most a canvas' width."""
    line = lines[number]
    above = _BASELINE * rows.row_px
    around = rows.em_px // 2  # seen but not shown: what reaches further is not of this line
    frame = Frame(rows.em_px, above + around, rows.row_px - above + around)
    beside = _BESIDE * line.em_px
    (slope, intercept), left, right = line.baseline, line.runs[0][0] - beside, line.runs[-1][1] + beside
    box = _surroundings(line, pixels)
    finer = max(1, int(line.em_px / rows.em_px / 2))  # what is much too fine is averaged first, for speed
    region = np.asarray(PIL.Image.fromarray(pixels[box.top : box.bottom, box.left : box.right]).reduce(finer))
    base = intercept + slope * box.left - box.top
    track = Track((left - box.left) / finer, (right - box.left) / finer, slope, base / finer, line.em_px / finer)
    strip = straighten(contrast_grey(region, inverted=line.inverted), track, frame)
    strip = clean(strip, frame, _room(lines, number))[around : around + rows.row_px]
    scale = rows.em_px / line.em_px
    spans = [(int((a - beside - left) * scale), round((b + beside - left) * scale)) for a, b in line.runs]
    yield from _pieces(_close_gaps(strip, spans, round((_WIDEST_GAP - 2 * _BESIDE) * rows.em_px)), rows)


def _surroundings(line: TextLine, pixels: np.ndarray) -> Box:
    """The box with as much around it as a row and its neighbours need, within the picture."""
    height, width = pixels.shape[:2]
    ys = [line.baseline[0] * x + line.baseline[1] for x in (line.box.left, line.box.right)]
    around = int(0.3 * line.em_px) + 2
    return Box(
        max(0, line.box.left - around),
        max(0, int(min(ys) - 1.7 * line.em_px)),
        min(width, line.box.right + around),
        min(height, int(max(ys) + 1.0 * line.em_px) + 1),
    )


def _room(lines: Sequence[TextLine], number: int) -> tuple[float, float]:
    """How far above and below its baseline, in em, the ink of a line can begin, given how near its neighbours are."""
    line = lines[number]
    x = (line.box.left + line.box.right) / 2
    base = line.baseline[0] * x + line.baseline[1]
    above, below = 1.3, 0.45
    for other in lines:
        if other.box.left < line.box.right and other.box.right > line.box.left:
            apart = (other.baseline[0] * x + other.baseline[1] - base) / line.em_px
            if apart < -0.5:
                above = min(above, -apart - 0.25)
            elif apart > 0.5:
                below = min(below, apart - 0.8)
    return above, max(below, 0.2)


def _close_gaps(strip: np.ndarray, spans: Sequence[tuple[int, int]], widest_px: int) -> np.ndarray:
    """The spans side by side, with no gap wider than widest_px, from the first ink on."""
    parts = []
    for i, (left, right) in enumerate(spans):
        if i:
            parts.append(np.full((strip.shape[0], min(left - spans[i - 1][1], widest_px)), 255, np.uint8))
        parts.append(strip[:, left:right])
    row = np.concatenate(parts, 1)
    return _from_first_ink(row)


def _from_first_ink(row: np.ndarray) -> np.ndarray:
    inked = np.flatnonzero(row.min(0) < _BLANK)
    return row[:, inked[0] : inked[-1] + 1] if len(inked) else row[:, :0]


def _pieces(row: np.ndarray, rows: Rows) -> Iterator[np.ndarray]:
    """Cut between words wherever the canvas ends; a word longer than a row is cut at its widest inner gap."""
    room = rows.canvas_px - 2 * _MARGIN_PX
    while row.shape[1] > room:
        starts, ends = _blanks(row[:, : room + 1])
        late = ends > room // 3
        starts, ends = starts[late], ends[late]
        wide = np.flatnonzero(ends - starts >= _WORD_GAP * rows.em_px)
        if not len(starts):
            cut = (room, room)
        else:
            best = wide[-1] if len(wide) else (ends - starts).argmax()
            cut = (starts[best], ends[best])
        yield row[:, : cut[0]]
        row = _from_first_ink(row[:, cut[1] :])
    if row.shape[1]:
        yield row


def _blanks(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The (starts, ends) of stretches of blank columns."""
    blank = np.concatenate([[False], row.min(0) >= _BLANK, [False]])
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    return edges[::2], edges[1::2]
