"""The exact baseline of a line and the size of its font, from how much ink every row of pixels has.

Ink ends abruptly below the baseline and begins abruptly at the height of small letters, or of capitals and digits.
Which of the two it is, a line like "one moon" or "ACE 10" cannot tell: its neighbours must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlxvision.reading.strip import Frame, Track, straighten

__all__ = ["CAP_HEIGHT", "X_HEIGHT", "Measure", "measure", "settle"]

X_HEIGHT, CAP_HEIGHT, ASCENDER = 0.53, 0.715, 0.745  # of the font's size, as usual in text fonts

_FRAME = Frame(em_px=32, above_px=56, below_px=20)

_BAR_PX = 4  # the thickness of crossbars


@dataclass(frozen=True, slots=True)
class Measure:
    """A track with its exact baseline and size. sure: whether small letters and tall ones were both seen.

    tall_px: the height of the line's tallest usual letters.
    """

    track: Track
    tall_px: float
    sure: bool


def measure(plate: np.ndarray, track: Track) -> Measure:
    """plate: (H, W) uint8, ink above 128. track: within 0.3 em of the baseline and 40 % of the size."""
    strip = straighten(plate, track, _FRAME)
    floor = 128 + 0.3 * (np.percentile(strip, 98) - 128)
    ink, core = strip.mean(1), np.maximum(strip, floor).mean(1) - floor
    rise = np.convolve(np.diff(ink), [0.25, 0.5, 0.25], "same")
    rows = np.arange(1, len(rise) + 1) - _FRAME.above_px
    base = _peak(-rise, rows, -9, 9)
    x, cap, sure = _heights(rise, _lasting(rise), core, base)
    px = track.em_px / _FRAME.em_px
    em = (x / X_HEIGHT + cap / ASCENDER) / 2 if sure else cap / CAP_HEIGHT
    exact = replace(track, intercept=track.intercept + base * px, em_px=em * px)
    return Measure(exact, cap * px, sure)


def _lasting(rise: np.ndarray) -> np.ndarray:
    """The rise less the sharpest fall soon after it, so that a crossbar counts for little."""
    after = np.pad(rise, (0, _BAR_PX), constant_values=0)[None]
    fall = -np.min(np.concatenate([after[:, i : i + len(rise)] for i in range(2, _BAR_PX + 1)]), 0)
    return rise - np.maximum(fall, 0)


def _heights(rise: np.ndarray, lasting: np.ndarray, core: np.ndarray, base: float) -> tuple[float, float, bool]:
    """The heights of small letters and of tall ones above the baseline, and whether both were seen."""

    def top(first: float, last: float) -> float:
        row = _peak(lasting, rows, base - last, base - first)
        return base - _peak(rise, rows, row - 2, row + 2)

    rows = np.arange(1, len(rise) + 1) - _FRAME.above_px
    height = top(9, 27)
    taller = _mean(core, rows, base - 1.38 * height, base - 1.14 * height)
    if taller > 0.05 * _mean(core, rows, base - 0.8 * height, base - 0.2 * height):
        return height, _top(core, rows, base, height), True
    smaller = top(0.62 * height, 0.82 * height)
    if _at(lasting, rows, base - smaller) > 0.25 * _at(lasting, rows, base - height):
        return smaller, height, True
    return height, height, False


def _top(core: np.ndarray, rows: np.ndarray, base: float, height: float) -> float:
    """Where, above the small letters, only half as much ink is left as there is right above them."""
    tall = _mean(core, rows, base - 1.25 * height, base - 1.1 * height)
    above = np.flatnonzero((rows < base - 1.2 * height) & (core[:-1] < tall / 2))
    row = above[-1] if len(above) else 0
    part = (tall / 2 - core[row]) / max(core[row + 1] - core[row], 1e-6)
    return float(base - rows[row] - np.clip(part, 0, 1) + 0.5)


def _peak(values: np.ndarray, rows: np.ndarray, first: float, last: float) -> float:
    """The row from first to last with the largest value, and the top of the parabola through it and its neighbours."""
    window = np.flatnonzero((rows >= min(first, rows[-3])) & (rows <= max(last, rows[2])))
    i = min(max(window[values[window].argmax()], 1), len(values) - 2)
    before, here, after = values[i - 1 : i + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(rows[i] + np.clip(shift, -0.5, 0.5))


def _at(values: np.ndarray, rows: np.ndarray, row: float) -> float:
    return float(np.interp(row, rows, values))


def _mean(values: np.ndarray, rows: np.ndarray, first: float, last: float) -> float:
    return float(values[:-1][(rows >= first) & (rows <= last)].mean())


def settle(measures: Sequence[Measure]) -> list[Track]:
    """The tracks, each line that could be of small or of tall letters only taking the size that its neighbours have."""
    sure = [m for m in measures if m.sure]
    y = np.array([m.track.y(m.track.left) for m in sure])
    em = np.array([m.track.em_px for m in sure])
    return [m.track if m.sure else replace(m.track, em_px=_likelier(m, y, em)) for m in measures]


def _likelier(unsure: Measure, y: np.ndarray, em: np.ndarray) -> float:
    """The size as if of capitals, unless the lines nearby have the size as if of small letters."""
    tall, small = unsure.tall_px / CAP_HEIGHT, unsure.tall_px / X_HEIGHT
    weight = np.exp(-np.abs(y - unsure.track.y(unsure.track.left)) / (6 * tall))
    votes = [(weight * (np.abs(np.log(em / size)) < 0.12)).sum() for size in (tall, small)]
    return small if votes[1] > votes[0] else tall
