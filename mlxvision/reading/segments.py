"""Letters to segments: stretches of text on one baseline without a wide gap.

Letters are neighbours where nothing stands between them in some row of pixels; which of them belong together, their
heights and their gap decide. The baseline follows the letters' feet, so it may slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np

from mlxvision.reading.components import Components, join
from mlxvision.reading.measure import CAP_HEIGHT
from mlxvision.reading.strip import Track

__all__ = [
    "Segment",
    "distinct",
    "find_letters",
    "find_segments",
    "find_singles",
    "is_clear",
    "merge",
    "outermost",
    "tabulate",
]

_SMALLEST_PX = 3
_SMALLEST_TALL_PX = 3.5
_LEAST_CONTRAST = 6
_NOISE_CONTRAST = 0.7  # times the noise
_LONGEST_RUN = 0.55  # of a letter's height, on average: discs, bars and squares are above
_LONGEST_RUN_IN_WORD = 0.8  # the same where blurred letters touch
_LONG_RUN = 1.05  # the same, each pixel counted: boxes and the inside of boxes are above
_SLIMMEST = 0.05  # of its height: upright lines are below
_LEAST_HELD = 0.2  # of a frame's height: that of the letters in it
_LONGEST_WORD = 25  # times its height, where the letters touch
_LONG = 8  # times its height: what knows its slope
_UNUSUAL, _FEWEST_SLOPES = 0.03, 4
_MOST_SINGLES = 1000


class Table(NamedTuple):
    """The tracks of S segments, (S,) each: for what compares all with all."""

    left: np.ndarray
    right: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray
    em: np.ndarray
    dark: np.ndarray

    def y(self, x: float | np.ndarray) -> np.ndarray:
        return self.slope * x + self.intercept


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """parts: its letters, all darker than their ground, or all lighter, before rows are joined."""

    parts: np.ndarray
    track: Track


def tabulate(found: Components, segments: list[Segment]) -> Table:
    tracks = [(*astuple(s.track), found.dark[s.parts[0]]) for s in segments]
    return Table(*np.array(tracks, float).reshape(-1, 6).T)


def is_clear(found: Components, noise: float) -> np.ndarray:
    """(C,) bool: what stands out of the noise."""
    return found.contrast > max(_LEAST_CONTRAST, _NOISE_CONTRAST * noise)


def find_letters(found: Components, clear: np.ndarray, picture_width: int) -> np.ndarray:
    """(C,) bool: what has a letter's shape, or that of a word whose letters touch; but no frames around letters, and
    nothing that lies in a letter."""
    height, width = found.height, found.width
    longest = np.where(width > 1.3 * height, _LONGEST_RUN_IN_WORD, _LONGEST_RUN)
    thin = (found.run <= longest * height + 1) & (found.long_run <= _LONG_RUN * height + 2)
    inked = (found.area > 0.06 * height * width) & (width > _SLIMMEST * height)
    wide = width >= np.minimum(_LONGEST_WORD * height, picture_width)
    letters = clear & (height >= _SMALLEST_PX) & thin & inked & ~wide
    return letters & ~_frames(found, letters)


def _frames(found: Components, letters: np.ndarray) -> np.ndarray:
    """(C,) bool: what has letters within it in a good part of its rows of pixels."""
    outer, inner = found.before, found.after
    held = letters[inner] & (found.left[outer] < found.left[inner]) & (found.right[inner] < found.right[outer])
    held &= (found.top[outer] < found.top[inner]) & (found.bottom[inner] < found.bottom[outer])
    return np.bincount(outer[held], minlength=len(letters)) > _LEAST_HELD * found.height


def find_segments(found: Components, letters: np.ndarray) -> list[Segment]:
    """letters: (C,) bool."""
    chains = _chains(found, letters)
    slopes = [_slope(found, parts) for parts in chains]
    feet = [float(found.bottom[parts[0]]) for parts in chains]
    usual = _page_slope([(*own, y) for own, y in zip(slopes, feet, strict=True) if own])
    segments = [
        _segment(found, parts, own[0] if own else usual(y)) for parts, own, y in zip(chains, slopes, feet, strict=True)
    ]
    return outermost(found, [s for s in segments if s is not None])


def _chains(found: Components, letters: np.ndarray) -> list[np.ndarray]:
    """Groups of letters side by side; of a single one only if it is as wide as a word."""
    a, b = found.before, found.after
    both = letters[a] & letters[b]
    a, b, gap = a[both], b[both], found.gap[both]
    height = found.height
    small, large = np.minimum(height[a], height[b]), np.maximum(height[a], height[b])
    shared = np.minimum(found.bottom[a], found.bottom[b]) - np.maximum(found.top[a], found.top[b])
    near = (shared >= 0.5 * small) & (large <= 2.5 * small) & (gap <= large)
    members = np.flatnonzero(letters)
    number = np.zeros(len(height), int)
    number[members] = np.arange(len(members))
    group = join(len(members), number[a[near]], number[b[near]])
    order = np.argsort(group, kind="stable")
    groups = np.split(members[order], np.flatnonzero(np.diff(group[order])) + 1) if len(members) else []
    return [g for g in groups if len(g) > 1 or found.width[g[0]] > 2 * height[g[0]]]


def _slope(found: Components, parts: np.ndarray) -> tuple[float, float] | None:
    """(slope, width) by the median over pairs of feet that are far apart (Theil and Sen); None for a short chain."""
    left, right = found.left[parts], found.right[parts]
    width = right.max() - left.min()
    if len(parts) < 6 or width < _LONG * np.median(found.height[parts]):
        return None
    parts = parts[:: len(parts) // 80 + 1]
    x, y = (found.left[parts] + found.right[parts]) / 2, found.bottom[parts]
    run = x[None] - x[:, None]
    far = run > width / 3
    return (float(np.median((y[None] - y[:, None])[far] / run[far])), float(width)) if far.any() else None


def _page_slope(known: list[tuple[float, float, float]]) -> Callable[[float], float]:
    """known: (slope, width, y) of long chains -> the usual slope at y: on a tilted page it changes evenly with y."""
    if not known:
        return lambda _: 0.0
    slope, width, y = np.array(sorted(known), float).T
    weight = np.cumsum(width)
    middle = float(slope[np.searchsorted(weight, weight[-1] / 2)])
    usual = np.abs(slope - middle) < _UNUSUAL
    if usual.sum() < _FEWEST_SLOPES or np.ptp(y[usual]) == 0:
        return lambda _: middle
    tilt, level = np.polyfit(y[usual], slope[usual], 1, w=width[usual])
    return lambda y: float(tilt * y + level)


def merge(found: Components, segments: list[Segment]) -> Segment:
    """One segment of several on one baseline."""
    if len(segments) == 1:
        return segments[0]
    parts = np.concatenate([s.parts for s in segments])
    own = _slope(found, parts)
    slope = float(np.median([s.track.slope for s in segments])) if own is None else own[0]
    return _segment(found, parts, slope) or segments[0]


def _segment(found: Components, parts: np.ndarray, slope: float) -> Segment | None:
    """The baseline goes where most feet are."""
    left, right = found.left[parts], found.right[parts]
    x, tilt = (left + right) / 2, abs(slope) * (right - left) / 2
    feet, tops = found.bottom[parts] - slope * x - tilt, found.top[parts] - slope * x + tilt
    near = np.abs(feet[None] - feet[:, None]) <= 0.1 * np.percentile(feet - tops, 80)
    base = float(np.median(feet[near[(near @ (feet - tops)).argmax()]]))  # by height: quotes hang high and are many
    above = base - tops
    tall = float(np.percentile(above[above >= 0.4 * above.max()], 75)) if above.max() > 0 else 0
    if tall < _SMALLEST_TALL_PX:
        return None
    track = Track(float(left.min()), float(right.max()), slope, base, tall / CAP_HEIGHT)
    return Segment(parts, track)


def distinct(found: Components, segments: list[Segment]) -> list[Segment]:
    """Leave out short segments that are far paler than most of the text: noise."""
    contrast = [float(np.median(found.contrast[s.parts])) for s in segments]
    every = np.repeat(contrast, [len(s.parts) for s in segments])
    usual = float(np.median(every)) if segments else 0.0
    return [s for s, c in zip(segments, contrast, strict=True) if c > usual * (0.4 if len(s.parts) <= 3 else 0.1)]


def outermost(found: Components, segments: list[Segment]) -> list[Segment]:
    """Leave out what lies within a wider segment: accents, pieces of broken letters, and the insides of letters.

    A frame around several segments is left out itself.
    """
    t = tabulate(found, segments)
    x, tall, n_parts = (t.left + t.right) / 2, CAP_HEIGHT * t.em, np.array([len(s.parts) for s in segments])
    within = np.zeros((len(segments), len(segments)), bool)
    for i in range(len(segments)):
        away = t.y(x[i]) - t.y(x)[i]
        up = (away + tall[i] / 2) / t.em
        beside = np.maximum(t.left - t.left[i], t.right[i] - t.right) / t.em
        small = (tall[i] < 0.5 * t.em) & (t.right[i] - t.left[i] < t.em)  # a quote at the end
        inside = (beside < np.where(small, 0.7, 0.3)) & (up > -0.25) & (up < 1.0)
        other = (t.dark != t.dark[i]) | (np.abs(away) >= 0.2 * t.em) | (t.em > 1.55 * t.em[i])
        within[i] = inside & other & (t.right - t.left > t.right[i] - t.left[i])
    frame = 3 * n_parts < n_parts @ within
    return [s for i, s in enumerate(segments) if not frame[i] and not (within[i] & ~frame).any()]


def find_singles(found: Components, segments: list[Segment], letters: np.ndarray) -> list[Segment]:
    """Letters that stand alone, as digits in a table do, if they are as tall as the letters of some segment."""
    known = np.unique(np.round([CAP_HEIGHT * s.track.em_px for s in segments]))
    slope = float(np.median([s.track.slope for s in segments])) if segments else 0.0
    singles = []
    for part in np.flatnonzero(letters)[:_MOST_SINGLES]:
        left, right, bottom = int(found.left[part]), int(found.right[part]), int(found.bottom[part])
        tall = bottom - int(found.top[part])
        as_tall = np.abs(known - tall).min(initial=np.inf) <= max(0.1 * tall, 1)
        if tall >= _SMALLEST_TALL_PX and as_tall and right - left <= 1.5 * tall:
            track = Track(left, right, slope, bottom - slope * (left + right) / 2, tall / CAP_HEIGHT)
            singles.append(Segment(np.array([part]), track))
    return singles
