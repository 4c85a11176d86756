"""Letters to segments: stretches of text on one baseline without a wide gap.

Letters are neighbours where nothing stands between them in some row of pixels; which of them belong together, their
heights and their gap decide. The baseline follows the letters' feet, so it may slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
_MOST_FEET = 3000
_STEEPEST = 0.06  # 3.4 degrees
_MOST_SINGLES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Table:
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
    """parts: its components. dark: whether they are darker than their ground. tall_px: of most tall letters."""

    parts: np.ndarray
    track: Track
    dark: bool
    tall_px: float


def tabulate(segments: list[Segment]) -> Table:
    tracks = [s.track for s in segments]
    return Table(
        left=np.array([t.left for t in tracks], float),
        right=np.array([t.right for t in tracks], float),
        slope=np.array([t.slope for t in tracks], float),
        intercept=np.array([t.intercept for t in tracks], float),
        em=np.array([t.em_px for t in tracks], float),
        dark=np.array([s.dark for s in segments], bool),
    )


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
    page = _page_slope(found, chains, slopes)
    segments = [
        _segment(found, parts, page(float(found.bottom[parts[0]])) if own is None else own[0])
        for parts, own in zip(chains, slopes, strict=True)
    ]
    return outermost([s for s in segments if s is not None])


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


def _page_slope(
    found: Components, chains: list[np.ndarray], slopes: list[tuple[float, float] | None]
) -> Callable[[float], float]:
    """The usual slope at a height y: it changes evenly from the top of a photographed page to its foot.

    Of short words only, it is the slope at which most feet are level (Baird).
    """
    known = [
        (slope, width, found.bottom[parts[0]])
        for parts, (slope, width) in ((p, s) for p, s in zip(chains, slopes, strict=True) if s is not None)
    ]
    if known:
        slope, width, y = np.array(sorted(known), float).T
        weight = np.cumsum(width)
        middle = slope[np.searchsorted(weight, weight[-1] / 2)]
        usual = np.abs(slope - middle) < 0.03
        if usual.sum() > 3 and np.ptp(y[usual]) > 0:
            tilt, level = np.polyfit(y[usual], slope[usual], 1, w=width[usual])
            return lambda y: float(tilt * y + level)
        return lambda _: float(middle)
    if not chains:
        return lambda _: 0.0
    parts = np.concatenate(chains)[:_MOST_FEET]
    x, y = (found.left[parts] + found.right[parts]) / 2, found.bottom[parts]
    step = max(1.0, 0.15 * float(np.median(found.height[parts])))
    tried = sorted(np.linspace(-_STEEPEST, _STEEPEST, 121), key=abs)
    feet = [np.unique(np.floor((y - slope * x) / step), return_counts=True)[1] for slope in tried]
    best = float(tried[int(np.argmax([(count**2).sum() for count in feet]))])
    return lambda _: best


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
    return Segment(parts, track, bool(found.dark[parts[0]]), tall)


def distinct(found: Components, segments: list[Segment]) -> list[Segment]:
    """Leave out short segments that are far paler than most of the text: noise."""
    contrast = [float(np.median(found.contrast[s.parts])) for s in segments]
    every = np.repeat(contrast, [len(s.parts) for s in segments])
    usual = float(np.median(every)) if segments else 0.0
    return [s for s, c in zip(segments, contrast, strict=True) if c > usual * (0.4 if len(s.parts) <= 3 else 0.1)]


def outermost(segments: list[Segment]) -> list[Segment]:
    """Leave out what lies within a wider segment: accents, pieces of broken letters, and the insides of letters.

    A frame around several segments is left out itself.
    """
    t = tabulate(segments)
    tall, count = np.array([s.tall_px for s in segments]), np.array([len(s.parts) for s in segments])
    x = (t.left + t.right) / 2
    base = t.y(x)
    within = np.zeros((len(segments), len(segments)), bool)
    for i in range(len(segments)):
        up = (t.y(x[i]) - base[i] + tall[i] / 2) / t.em
        beside = np.maximum(t.left - t.left[i], t.right[i] - t.right) / t.em
        small = (tall[i] < 0.5 * t.em) & (t.right[i] - t.left[i] < t.em)  # a quote at the end
        within[i] = (
            (beside < np.where(small, 0.7, 0.3))
            & (up > -0.25)
            & (up < 1.0)
            & (t.right - t.left > t.right[i] - t.left[i])
        )
        level = np.abs(t.y(x[i]) - base[i]) < 0.2 * t.em
        within[i] &= (t.dark != t.dark[i]) | ~level | (t.em > 1.55 * t.em[i])
    frame = (count * 3 < (within * count[:, None]).sum(0)) & (count <= 2)
    return [s for i, s in enumerate(segments) if not frame[i] and not (within[i] & ~frame).any()]


def find_singles(found: Components, segments: list[Segment], letters: np.ndarray, free: np.ndarray) -> list[Segment]:
    """Letters that stand alone, as digits in a table do, if they are as tall as the letters of some segment.

    free: (C,) bool, what stands out of the noise and is of no segment: such letters may be in pieces.
    """
    known = np.unique(np.round([s.tall_px for s in segments])) if segments else np.arange(6, found.bottom.max() + 1)
    slope = float(np.median([s.track.slope for s in segments])) if segments else 0.0
    pieces = np.flatnonzero(free & (np.maximum(found.height, found.width) <= 1.1 * known.max(initial=0)))
    if len(pieces) > _MOST_SINGLES:
        return []
    singles = []
    for parts in _stacks(found, pieces):
        if len(parts) == 1 and not letters[parts[0]]:
            continue
        left, right = int(found.left[parts].min()), int(found.right[parts].max())
        top, bottom = int(found.top[parts].min()), int(found.bottom[parts].max())
        tall = float(bottom - top)
        if (
            tall >= _SMALLEST_TALL_PX
            and np.abs(known - tall).min() <= max(0.1 * tall, 1)
            and right - left <= 1.5 * tall
        ):
            track = Track(left, right, slope, bottom - slope * (left + right) / 2, tall / CAP_HEIGHT)
            singles.append(Segment(parts, track, bool(found.dark[parts[0]]), tall))
    return singles


def _stacks(found: Components, pieces: np.ndarray) -> list[np.ndarray]:
    """Groups of pieces of one kind, one right above the other."""
    left, right, top, bottom = (side[pieces] for side in (found.left, found.right, found.top, found.bottom))
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    narrow = np.minimum(right[:, None] - left[:, None], right - left)
    gap = np.maximum(top[:, None], top) - np.minimum(bottom[:, None], bottom)
    same = found.dark[pieces][:, None] == found.dark[pieces]
    group = join(len(pieces), *np.nonzero(same & (gap <= 2) & (2 * shared > narrow)))
    return [pieces[group == root] for root in np.unique(group)]
