"""A line of text cut out of its picture, straight and in a wanted size, in one resampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import PIL.Image

__all__ = ["Frame", "Track", "straighten"]

_Resampling = PIL.Image.Resampling


@dataclass(frozen=True, slots=True)
class Track:
    """Where a line runs: from left to right along y = slope * x + intercept, its baseline, in a font of em_px."""

    left: float
    right: float
    slope: float
    intercept: float
    em_px: float

    def y(self, x: float) -> float:
        return self.slope * x + self.intercept


@dataclass(frozen=True, slots=True)
class Frame:
    """What is cut out: the font's wanted size, and the room above and below the baseline, in pixels of the strip."""

    em_px: int
    above_px: float
    below_px: float

    @property
    def height(self) -> int:
        return round(self.above_px + self.below_px)


def straighten(grey: np.ndarray, track: Track, frame: Frame) -> np.ndarray:
    """grey: (H, W) uint8 -> (frame.height, width) uint8; what lies outside of the picture repeats its edge."""
    step = track.em_px / frame.em_px
    width = max(1, round((track.right - track.left) / step))
    ends = (track.y(track.left), track.y(track.right))
    top, bottom = min(ends) - frame.above_px * step, max(ends) + frame.below_px * step
    margin = math.ceil(2 * step) + 2
    x, y = math.floor(track.left) - margin, math.floor(top) - margin
    right = math.ceil(track.left + width * step) + margin
    region = PIL.Image.fromarray(_crop(grey, (x, y, right, math.ceil(bottom) + margin)))
    left, top = track.left - x, ends[0] - frame.above_px * step - y
    if track.slope == 0:
        box = (left, top, left + width * step, top + frame.height * step)
        filter_ = _Resampling.LANCZOS if step > 1 else _Resampling.BICUBIC
        return np.asarray(region.resize((width, frame.height), filter_, box))
    finer = math.ceil(step)
    a = step / finer
    size = (width * finer, frame.height * finer)
    affine = (a, 0, left, track.slope * a, a, top)
    filter_ = _Resampling.BILINEAR if finer > 1 else _Resampling.BICUBIC  # of several pixels, the mean is taken
    strip = region.transform(size, PIL.Image.Transform.AFFINE, affine, filter_)
    return np.asarray(strip.reduce(finer))


def _crop(grey: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    height, width = grey.shape
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = slice(max(left, 0), max(min(right, width), 1))
    inside = grey[rows, columns]
    return np.pad(inside, ((0, 0), (max(-left, 0), max(right - width, 0))), mode="edge")
