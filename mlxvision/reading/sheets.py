"""Lines and figures laid out as rows of one height on square canvases: lines dark on white, figures as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image

from mlxvision.reading.cleaning import clean, contrast_grey
from mlxvision.reading.lines import TextLine
from mlxvision.reading.strip import Frame, Track, straighten
from mlxvision.types import Box, Rows

__all__ = ["Sheet", "lay_out", "lay_out_figures", "show_figure"]

_BASELINE = 17.5 / 24  # of a row's height, from its top
_MARGIN_PX = 2
_WIDEST_GAP = 1.0  # em
_BESIDE = 0.12  # em, kept on both sides of a run
_BLANK = 208  # a column without anything darker is blank
_WORD_GAP, _WIDE_WORD_GAP = 0.2, 0.75  # em, in narrow fonts and in those of one width
_AS_WIDE = 0.65  # of the widest: in a font of one width, a comma has gaps too
_AS_LETTERS = 2.6  # times the usual gap between letters, if they do not touch: at least so many gaps are in an em
_GAPS = 0.8
_AROUND_PX = 2  # so much ground is shown around a figure
_LONGEST_FIGURE = 3  # times the row's height


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """canvas: (canvas_px, canvas_px, 3) uint8.

    lines: for each row of it, from the top, the number of the line or the figure it shows; a line too long for one row
    goes on in the next. goes_on: for each row, whether it begins within a word of the row before.
    """

    canvas: np.ndarray
    lines: tuple[int, ...]
    goes_on: tuple[bool, ...]


def lay_out(pixels: np.ndarray, lines: Sequence[TextLine], rows: Rows) -> list[Sheet]:
    """pixels: (H, W, 3) uint8, the picture that the lines were found in."""
    pieces = [(i, *piece) for i in range(len(lines)) for piece in _rows_of(pixels, lines, i, rows)]
    return _stacked([(i, np.repeat(piece[..., None], 3, 2), goes_on) for i, piece, goes_on in pieces], rows)


def lay_out_figures(pixels: np.ndarray, boxes: Sequence[Box], rows: Rows) -> list[Sheet]:
    """pixels: (H, W, 3) uint8, the picture that the figures were found in."""
    return _stacked([(i, show_figure(pixels, box, rows), False) for i, box in enumerate(boxes)], rows)


def show_figure(pixels: np.ndarray, box: Box, rows: Rows) -> np.ndarray:
    """A figure with a little of its ground -> (height, width, 3) uint8, as large as fits into a row."""
    width, height = box.right - box.left, box.bottom - box.top
    scale = min((rows.row_px - 2 * _AROUND_PX) / height, (_LONGEST_FIGURE * rows.row_px - 2 * _AROUND_PX) / width)
    around = round(_AROUND_PX / scale)
    left, top = max(0, box.left - around), max(0, box.top - around)
    shown = PIL.Image.fromarray(pixels[top : box.bottom + around, left : box.right + around])
    size = [min(max(1, round(side * scale)), _LONGEST_FIGURE * rows.row_px) for side in shown.size]
    return np.asarray(shown.resize((size[0], min(size[1], rows.row_px)), PIL.Image.Resampling.BILINEAR))


def _stacked(pieces: Sequence[tuple[int, np.ndarray, bool]], rows: Rows) -> list[Sheet]:
    """pieces: the number of what each shows, (at most row_px, width, 3) uint8, and whether it begins within a word."""
    fit = rows.canvas_px // rows.row_px
    sheets = []
    for first in range(0, len(pieces), fit):
        canvas = np.full((rows.canvas_px, rows.canvas_px, 3), 255, np.uint8)
        shown = pieces[first : first + fit]
        for row, (_, piece, _) in enumerate(shown):
            height, width = piece.shape[:2]
            top = row * rows.row_px + (rows.row_px - height) // 2
            canvas[top : top + height, _MARGIN_PX - 1 : _MARGIN_PX - 1 + width] = piece
        numbers, _, goes_on = zip(*shown, strict=True)
        sheets.append(Sheet(canvas, numbers, goes_on))
    return sheets


def _rows_of(
    pixels: np.ndarray, lines: Sequence[TextLine], number: int, rows: Rows
) -> Iterator[tuple[np.ndarray, bool]]:
    """Line `number` in pieces of a row's height and at most a canvas' width, and whether each begins within a word."""
    line, room = lines[number], _room(lines, number)
    parts: list[np.ndarray] = []
    for i, run in enumerate(line.runs):
        if i:
            gap = (run[0] - line.runs[i - 1][1]) / line.em_px
            parts.append(np.full((rows.row_px, round(min(gap, _WIDEST_GAP) * rows.em_px)), 255, np.uint8))
        parts.append(_from_first_ink(_show(pixels, line, run, room, rows)))
    yield from _pieces(np.concatenate(parts, 1), rows)


def _show(
    pixels: np.ndarray, line: TextLine, run: tuple[float, float], room: tuple[float, float], rows: Rows
) -> np.ndarray:
    """A run of a line -> (row_px, width) uint8; its ground is what most of it is."""
    above = _BASELINE * rows.row_px
    around = rows.em_px // 2  # seen but not shown: what reaches further is not of this line
    frame = Frame(rows.em_px, above + around, rows.row_px - above + around)
    finer = max(1, int(line.em_px / rows.em_px / 2))  # what is much too fine is averaged first, for speed
    em, (slope, intercept), beside = line.em_px, line.baseline, _BESIDE * line.em_px
    ys = sorted(slope * x + intercept for x in run)
    left, top = max(0, int(run[0] - 0.3 * em) - 2), max(0, int(ys[0] - 1.7 * em))
    region = pixels[top : int(ys[1] + em) + 2, left : int(run[1] + 0.3 * em) + 3]
    region = np.asarray(PIL.Image.fromarray(region).reduce(finer))
    base = intercept + slope * left - top
    track = Track((run[0] - beside - left) / finer, (run[1] + beside - left) / finer, slope, base / finer, em / finer)
    band = slice(max(0, int((ys[0] - 0.85 * em - top) / finer)), int((ys[1] + 0.2 * em - top) / finer) + 1)
    strip = straighten(contrast_grey(region, region[band]), track, frame)
    return clean(strip, frame, room)[around : around + rows.row_px]


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


def _from_first_ink(row: np.ndarray) -> np.ndarray:
    inked = np.flatnonzero(row.min(0) < _BLANK)
    return row[:, inked[0] : inked[-1] + 1] if len(inked) else row[:, :0]


def _pieces(row: np.ndarray, rows: Rows) -> Iterator[tuple[np.ndarray, bool]]:
    """Cut between words wherever the canvas ends; a word longer than a row is cut at its widest inner gap."""
    room, goes_on = rows.canvas_px - 2 * _MARGIN_PX, False
    while row.shape[1] > room:
        starts, ends = _blanks(row[:, : room + 1])
        word_gap = _word_gap(ends - starts, room, rows.em_px)
        late = ends > room // 3
        starts, ends, gaps = starts[late], ends[late], (ends - starts)[late]
        cut, gap = (room, room), 0
        if len(gaps):
            wide = np.flatnonzero(gaps >= _AS_WIDE * min(gaps.max(), _WIDE_WORD_GAP * rows.em_px))
            best = wide[-1] if gaps.max() >= _WORD_GAP * rows.em_px else gaps.argmax()
            cut, gap = (starts[best], ends[best]), gaps[best]
        yield row[:, : cut[0]], goes_on
        row, goes_on = _from_first_ink(row[:, cut[1] :]), bool(gap < word_gap)
    if row.shape[1]:
        yield row, goes_on


def _word_gap(gaps: np.ndarray, width: int, em_px: int) -> float:
    """The least gap between words, given all gaps in a width."""
    letters = float(np.median(gaps)) if len(gaps) > _GAPS * width / em_px else 0.0
    return max(_WORD_GAP * em_px, _AS_LETTERS * letters)


def _blanks(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The (starts, ends) of stretches of blank columns."""
    blank = np.concatenate([[False], row.min(0) >= _BLANK, [False]])
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    return edges[::2], edges[1::2]
