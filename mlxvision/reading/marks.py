"""The small parts of lines: dots, commas, hyphens, quotes, accents, and letters that stand alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlxvision.reading.components import Components, join
from mlxvision.reading.segments import Segment
from mlxvision.reading.strip import Track

__all__ = ["find_dashes", "find_owners", "stretch"]

_PALEST = 0.35  # of the contrast of a line's letters: what is paler is noise
_FEWEST_DASHES = 4
# The others in em.
_DASH = 0.28  # how far above the baseline
_GAP = 1.2
_ABOVE, _BELOW = 1.15, 0.35
_SMALLEST = 0.07
_WIDEST, _WIDEST_DASH, _THICKEST_DASH = 1.2, 20.0, 0.14


def find_owners(found: Components, segments: Sequence[Segment], tracks: Sequence[Track]) -> np.ndarray:
    """(C,) the line every component is of, or -1; a mark goes to the line whose small letters it is nearest to."""
    owner, least = np.full(len(found.left), -1), np.full(len(found.left), np.inf)
    for i, segment in enumerate(segments):
        owner[segment.parts] = i
    free = owner < 0
    by_top = np.argsort(found.top)
    tops = found.top[by_top]
    for i, (segment, track) in enumerate(zip(segments, tracks, strict=True)):
        ends = track.y(track.left), track.y(track.right)
        first, last = np.searchsorted(tops, (min(ends) - _ABOVE * track.em_px, max(ends) + _BELOW * track.em_px))
        near = by_top[first:last]
        near = near[free[near] & (found.dark[near] == segment.dark)]
        near = near[found.contrast[near] > _PALEST * np.median(found.contrast[segment.parts])]
        near = near[_fits(found, near, track)]
        near = near[_reached(found, near, segment.parts, _GAP * track.em_px)]
        away = np.abs(_centre(found, near, track) - 0.3)
        closer = away < least[near]
        owner[near[closer]], least[near[closer]] = i, away[closer]
    return owner


def stretch(found: Components, segments: Sequence[Segment], owner: np.ndarray) -> list[Segment]:
    """The segments, from the first of the components that each owns to the last."""
    stretched = []
    for i, segment in enumerate(segments):
        own = owner == i
        left, right = float(found.left[own].min()), float(found.right[own].max())
        stretched.append(replace(segment, track=replace(segment.track, left=left, right=right)))
    return stretched


def find_dashes(found: Components, free: np.ndarray, tracks: Sequence[Track]) -> list[tuple[np.ndarray, Track]]:
    """Rows of nothing but dashes, dots or equals signs, in the size of the line of text that is nearest.

    free: (C,) bool, components of no line.
    """
    height, width = found.height, found.width
    a, b = found.before, found.after
    alike = (np.abs(found.top[a] - found.top[b]) <= 2) & (np.abs(height[a] - height[b]) <= 1 + height[a] // 4)
    alike &= (np.abs(width[a] - width[b]) <= 1 + width[a] // 3) & (found.gap <= 3 * np.maximum(width[a], height[a]))
    alike &= free[a] & free[b]
    group = join(len(height), a[alike], b[alike])
    dashes: list[tuple[np.ndarray, Track]] = []
    for root in np.flatnonzero(np.bincount(group, minlength=len(group)) >= _FEWEST_DASHES):
        parts = np.flatnonzero(group == root)
        track = _dash_track(found, parts, tracks)
        if track is not None and dashes and _doubles(dashes[-1][1], track):
            dashes[-1] = (np.concatenate([dashes[-1][0], parts]), dashes[-1][1])
        elif track is not None:
            dashes.append((parts, track))
    return dashes


def _doubles(upper: Track, lower: Track) -> bool:
    """Whether two rows of dashes are one of equals signs."""
    near = lower.y(lower.left) - upper.y(lower.left) < 0.45 * upper.em_px
    return near and abs(upper.left - lower.left) < upper.em_px and abs(upper.right - lower.right) < upper.em_px


def _dash_track(found: Components, parts: np.ndarray, tracks: Sequence[Track]) -> Track | None:
    x = float(found.left[parts].mean())
    y = float((found.top[parts] + found.bottom[parts]).mean()) / 2
    nearest = min(tracks, key=lambda track: abs(track.y(x) - y), default=None)
    if nearest is None:
        return None
    em = nearest.em_px
    high, wide = float(found.height[parts].mean()), float(found.width[parts].mean())
    if high > 0.3 * em or wide > 1.1 * em or max(high, wide) < _SMALLEST * em:
        return None
    base = y + (high / 2 if wide < 1.5 * high else _DASH * em)
    left, right = float(found.left[parts].min()), float(found.right[parts].max())
    return Track(left, right, nearest.slope, base - nearest.slope * x, em)


def _centre(found: Components, parts: np.ndarray, track: Track) -> np.ndarray:
    """How far above the baseline, in em."""
    x, y = (found.left[parts] + found.right[parts]) / 2, (found.top[parts] + found.bottom[parts]) / 2
    return (track.slope * x + track.intercept - y) / track.em_px


def _fits(found: Components, parts: np.ndarray, track: Track) -> np.ndarray:
    width, height = found.width[parts] / track.em_px, found.height[parts] / track.em_px
    centre = _centre(found, parts, track)
    inside = (centre + height / 2 <= _ABOVE) & (height / 2 - centre <= _BELOW)
    slim = (width <= _WIDEST) | ((width <= _WIDEST_DASH) & (height <= _THICKEST_DASH))
    slim |= found.long_run[parts] < 1.5 * found.height[parts]  # a word that runs together
    return inside & slim & (np.maximum(width, height) >= _SMALLEST)


def _reached(found: Components, parts: np.ndarray, line: np.ndarray, gap_px: float) -> np.ndarray:
    """Which of the parts are reached from the line, stepping over gaps of at most gap_px."""
    everything = np.concatenate([parts, line])
    order = np.argsort(found.left[everything], kind="stable")
    left, right = found.left[everything][order], np.maximum.accumulate(found.right[everything][order])
    stretch = np.concatenate([[0], np.cumsum(left[1:] - right[:-1] > gap_px)])
    reached = np.empty(len(everything), int)
    reached[order] = stretch
    return np.isin(reached[: len(parts)], reached[len(parts) :])
