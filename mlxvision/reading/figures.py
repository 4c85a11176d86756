"""Figures: plain shapes and bars, on an even ground.

The ground is a plane in each colour, fitted again and again to what lies near it. What stands out of it is a figure if
it is solid and no letter of a line; a line that mostly consists of what is large and solid is no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import PIL.Image
import PIL.ImageFilter

from mlxvision.reading.components import Components, find_components
from mlxvision.reading.lines import TextLine
from mlxvision.types import Box

__all__ = ["Figure", "are_lying", "find_figures", "split_runs"]

_LARGEST_PX = 1024
_SAMPLES = 20_000
_BIN = 32
_FITS = 4
_NEAR, _FAR = 48, 34  # how far from the ground's colour its own may be, and that of a figure must be
_THINNEST_PX = 2  # lines are no thicker
_THINNEST, _SLIMMEST, _SMALLEST, _LARGEST = 0.006, 0.01, 0.02, 0.6  # of the picture's longer side; of its area
_SOLID, _SOLID_LARGE, _LARGE = 0.3, 0.45, 0.05  # thickness in parts of the shorter side; of the longer side
_LARGE_PX, _SLIM = 12, 0.5
_TALLEST, _BESIDE = 1.3, 0.3  # em, of a letter and beside its line
_DRAWN = 0.5  # of the ink of a line
_WRITTEN = 0.08  # of the area of a figure: it is the ground of a text
_LEVEL = 0.015  # of the way to the right edge
_MOST = 24


@dataclass(frozen=True, slots=True)
class Figure:
    """box: in pixels of the upright picture. area: about how many pixels it covers."""

    box: Box
    area: float


def find_figures(pixels: np.ndarray, lines: Sequence[TextLine]) -> tuple[list[TextLine], list[Figure]]:
    """pixels: (H, W, 3) uint8; lines: found in it -> those that are text, and the figures from left to right.

    Figures that begin at one left edge stand from top to bottom. Of more than one can tell, there are none.
    """
    finer = -(-max(pixels.shape[:2]) // _LARGEST_PX)
    image = PIL.Image.fromarray(pixels).reduce(finer).filter(PIL.ImageFilter.MedianFilter(3))
    candidates = _find_candidates(_inked(np.asarray(image)), finer)
    texts = _join([[run for run in split_runs([line]) if not candidates.are_drawn(run)] for line in lines])
    runs = split_runs(texts)
    figures = [candidates.figure(i, pixels.shape) for i in np.flatnonzero(candidates.solid).tolist()]
    figures = [figure for figure in figures if not _is_ground(figure, runs)]
    if not 0 < len(figures) <= _MOST:
        return list(lines), []
    return texts, _in_order(figures)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """ink: (H, W) bool, in a picture that many times coarser. solid, sure: (C,) bool, of what is found of its thick
    parts: what may be a figure, and what is no letter for sure."""

    ink: np.ndarray
    finer: int
    found: Components
    solid: np.ndarray
    sure: np.ndarray

    def are_drawn(self, line: TextLine) -> bool:
        """Whether what was taken for text is figures; if not, its letters are no figures from now on."""
        found, box, em_px = self.found, line.box, line.em_px / self.finer
        left, top, right, bottom = (side / self.finer for side in (box.left, box.top, box.right, box.bottom))
        x, y, near = (found.left + found.right) / 2, (found.top + found.bottom) / 2, _BESIDE * em_px
        within = (x > left - near) & (x < right + near) & (y > top - near) & (y < bottom + near)
        within &= found.height <= _TALLEST * em_px
        ink = np.count_nonzero(self.ink[int(top) : int(bottom) + 1, int(left) : int(right) + 1])
        if found.area[within & self.sure].sum() > _DRAWN * ink:
            return True
        self.solid[within] = False
        return False

    def figure(self, i: int, shape: tuple[int, ...]) -> Figure:
        found, finer = self.found, self.finer
        left, top, right, bottom = (finer * int(side[i]) for side in (found.left, found.top, found.right, found.bottom))
        return Figure(Box(left, top, min(right, shape[1]), min(bottom, shape[0])), float(found.area[i]) * finer**2)


def _find_candidates(ink: np.ndarray, finer: int) -> _Candidates:
    longer, thickness = max(ink.shape), np.minimum(_runs(ink), _runs(ink.T).T)
    found = find_components(np.where(thickness > max(_THINNEST_PX, _THINNEST * longer), 1, -1).astype(np.int16))
    thick = np.bincount(found.labels, np.add.reduceat(thickness.ravel(), found.starts)) / found.area
    short, long = np.minimum(found.width, found.height), np.maximum(found.width, found.height)
    solid = found.dark & (thick >= _SOLID * short) & (found.area < _LARGEST * ink.size)
    solid &= (short >= _SLIMMEST * longer) & (long >= _SMALLEST * longer)
    large = (short >= _LARGE * longer) & (short >= _LARGE_PX) & (short >= _SLIM * long)
    return _Candidates(ink, finer, found, solid, solid & large & (thick >= _SOLID_LARGE * short))


def _inked(colours: np.ndarray) -> np.ndarray:
    """colours: (H, W, 3) uint8 -> (H, W) bool: what is not of the ground."""
    height, width = colours.shape[:2]
    step = max(1, int((height * width / _SAMPLES) ** 0.5))
    y, x = np.mgrid[:height:step, :width:step].reshape(2, -1)
    seen = colours[y, x].astype(np.float32)
    bins = (seen // _BIN).astype(int) @ (1, 16, 256)
    ground = seen[bins == np.bincount(bins).argmax()].mean(0)
    places = np.column_stack((np.ones(len(x)), x, y)).astype(np.float32)
    plane = np.array((ground, *np.zeros((2, 3))), np.float32)
    for _ in range(_FITS):
        near = np.abs(seen - places @ plane).max(1) < _NEAR
        plane, *_ = np.linalg.lstsq(places[near], seen[near], rcond=None)
    rows, columns = (np.arange(n, dtype=np.float32)[:, None] for n in (height, width))
    return (np.abs(colours - ((plane[0] + rows * plane[2])[:, None] + columns * plane[1])) > _FAR).any(2)


def _runs(inked: np.ndarray) -> np.ndarray:
    """(H, W) bool -> (H, W): how long the run of each pixel in its row is, 0 outside of runs."""
    edges = np.diff(np.pad(inked, ((0, 0), (1, 1))).astype(np.int8), axis=1).ravel()
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    runs = np.zeros(inked.shape, np.int32)
    runs[inked] = np.repeat(lengths, lengths)
    return runs


def split_runs(lines: Sequence[TextLine]) -> list[TextLine]:
    """Each run of each line as a line."""
    return [
        replace(line, box=Box(int(left), line.box.top, int(right), line.box.bottom), runs=((left, right),))
        for line in lines
        for left, right in line.runs
    ]


def _join(lines: Sequence[Sequence[TextLine]]) -> list[TextLine]:
    """The runs of each line together again, as far as there are any."""
    return [
        replace(
            runs[0],
            box=Box(runs[0].box.left, runs[0].box.top, runs[-1].box.right, runs[0].box.bottom),
            runs=tuple(run for line in runs for run in line.runs),
        )
        for runs in lines
        if runs
    ]


def _is_ground(figure: Figure, texts: Sequence[TextLine]) -> bool:
    box, covered = figure.box, 0
    for text in texts:
        across = min(box.right, text.box.right) - max(box.left, text.box.left)
        down = min(box.bottom, text.box.bottom) - max(box.top, text.box.top)
        covered += max(across, 0) * max(down, 0)
    return covered > _WRITTEN * figure.area


def are_lying(figures: Sequence[Figure]) -> bool:
    """Whether all begin at one left edge, as lying bars do, and stand one below the other."""
    lefts = [figure.box.left for figure in figures]
    return len(figures) > 1 and max(lefts) - min(lefts) < _LEVEL * max(figure.box.right for figure in figures)


def _in_order(figures: Sequence[Figure]) -> list[Figure]:
    if are_lying(figures):
        return sorted(figures, key=lambda figure: figure.box.top + figure.box.bottom)
    return sorted(figures, key=lambda figure: figure.box.left + figure.box.right)
