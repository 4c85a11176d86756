"""The small parts of lines: dots, commas, hyphens, quotes, accents, and letters that stand alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mlxvision.reading.components import Components, join
from mlxvision.reading.segments import Segment
from mlxvision.reading.strip import Track

__all__ = ["find_owners", "find_rules", "is_text", "stretch"]

_PALEST = 0.35  # of the contrast of a line's letters: what is paler is noise
_FEWEST_MARKS, _FEWEST_TWINS = 8, 12
_FEWEST_FEET = 3
_LOW, _LOW_BLOCK = 0.55, 0.8  # of their pitch, the height of stars, and of what fills its box
_FULL = 0.7
_TWINS, _UNEVEN = 0.15, 0.12  # of their area and of their pitch: how much twins differ
# The others in em.
_NEAR, _FAR = 1.2, 20.0  # how wide a gap before a mark may be
_HUNG, _SPARSE = 0.25, 0.4  # letters that hang on the rule under them: at most so high and so full
_ABOVE, _BELOW = 1.15, 0.35
_SMALLEST = 0.07
_LEAST_STRANGE, _LARGEST_STRANGE = 0.15, 6.0  # what is of no text
_LEVEL = 0.12  # how far from the baseline a foot may be
_WIDEST, _WIDEST_DASH, _THICKEST_DASH = 1.2, 20.0, 0.14


def find_rules(found: Components) -> np.ndarray:
    """(C,) bool: rows of dashes, dots, stars or equals signs, and leaders: many low marks alike, side by side.

    More are needed of marks that are not low but as like as twins, equally far apart: eight zeros may be a number, and
    so many stems the letters of a word.
    """
    a, b = found.before, found.after
    height, width, pitch = found.height, found.width, found.left[found.after] - found.left[found.before]
    full = found.area[a] > _FULL * width[a] * height[a]
    low = height[a] < np.where(full, _LOW_BLOCK, _LOW) * pitch
    slack = 1 + height[a] // 4
    alike = (np.abs(found.top[a] - found.top[b]) <= slack) & (np.abs(height[a] - height[b]) <= slack)
    alike &= (np.abs(width[a] - width[b]) <= 1 + width[a] // 3) & (found.gap <= 3 * np.maximum(width[a], height[a]))
    alike &= found.dark[a] == found.dark[b]
    twins = alike & (np.abs(found.area[a] - found.area[b]) <= _TWINS * found.area[a])
    rules = np.zeros(len(height), bool)
    for pairs, fewest, uneven in ((alike & low, _FEWEST_MARKS, np.inf), (twins, _FEWEST_TWINS, _UNEVEN)):
        group = join(len(height), a[pairs], b[pairs])
        many = np.bincount(group, minlength=len(group)) >= fewest
        even = _spread(pitch[pairs], group[a[pairs]], len(group)) <= uneven
        rules |= (many & even)[group]
    return rules


def _spread(values: np.ndarray, group: np.ndarray, n: int) -> np.ndarray:
    """(n,) the standard deviation of the values of each group, as a part of their mean."""
    count = np.maximum(np.bincount(group, minlength=n), 1)
    mean = np.bincount(group, values, n) / count
    return np.sqrt(np.maximum(np.bincount(group, values**2, n) / count - mean**2, 0)) / np.maximum(mean, 1)


def find_owners(
    found: Components, segments: Sequence[Segment], tracks: Sequence[Track], clear: np.ndarray, far: np.ndarray
) -> np.ndarray:
    """(C,) the line every component is of, or -1; a mark goes to the line whose small letters it is nearest to.

    far: (C,) bool, what may be of a line across a wide gap, as may then a dash.
    """
    owner, least = np.full(len(found.left), -1), np.full(len(found.left), np.inf)
    for i, segment in enumerate(segments):
        owner[segment.parts] = i
    free = clear & (owner < 0)
    for i, (segment, track, band) in enumerate(zip(segments, tracks, _bands(found, tracks), strict=True)):
        near = band[free[band] & _alike(found, band, segment.parts)]
        near = near[_fits(found, near, track)]
        single = far[near] | (far.any() & (found.height[near] <= _THICKEST_DASH * track.em_px))
        reached = [_reached(found, near, segment.parts, gap * track.em_px) for gap in (_NEAR, _FAR)]
        near = near[reached[0] | (reached[1] & single)]
        away = np.abs(_centre(found, near, track) - 0.3) + _beyond(found, near, track)
        closer = away < least[near]
        owner[near[closer]], least[near[closer]] = i, away[closer]
    return owner


def is_text(found: Components, owner: np.ndarray, tracks: Sequence[Track], clear: np.ndarray) -> np.ndarray:
    """(S,) bool: which lines stand on plain ground, with their feet on the baseline; the others are of a picture."""
    text = np.zeros(len(tracks), bool)
    for i, (track, band) in enumerate(zip(tracks, _bands(found, tracks), strict=True)):
        own = np.flatnonzero(owner == i)
        near = band[clear[band] & (owner[band] != i) & _alike(found, band, own)]
        size = np.maximum(found.width[near], found.height[near]) / track.em_px
        strange = (size > _LEAST_STRANGE) & (size < _LARGEST_STRANGE) & (_beyond(found, near, track) < 1)
        strange &= np.abs(_centre(found, near, track) - 0.35) < 0.65
        tall = own[found.height[own] > 0.3 * track.em_px]
        feet = _centre(found, tall, track) - found.height[tall] / track.em_px / 2
        level = np.abs(feet) < _LEVEL
        text[i] = 2 * strange.sum() <= len(own) and (2 * level.sum() >= len(tall) or len(tall) < _FEWEST_FEET)
    return text


def _bands(found: Components, tracks: Sequence[Track]) -> Iterator[np.ndarray]:
    """For each track the components whose upper edge may be in its line."""
    by_top = np.argsort(found.top)
    tops = found.top[by_top]
    for track in tracks:
        ends = track.y(track.left), track.y(track.right)
        first, last = np.searchsorted(tops, (min(ends) - _ABOVE * track.em_px, max(ends) + _BELOW * track.em_px))
        yield by_top[first:last]


def _alike(found: Components, parts: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Whether parts are of a line's kind, and not much paler."""
    usual = np.median(found.contrast[line])
    return (found.dark[parts] == found.dark[line[0]]) & (found.contrast[parts] > _PALEST * usual)


def stretch(found: Components, segments: Sequence[Segment], owner: np.ndarray) -> list[Segment]:
    """The segments, from the first of the components that each owns to the last."""
    stretched = []
    for i, segment in enumerate(segments):
        own = owner == i
        left, right = float(found.left[own].min()), float(found.right[own].max())
        stretched.append(replace(segment, track=replace(segment.track, left=left, right=right)))
    return stretched


def _centre(found: Components, parts: np.ndarray, track: Track) -> np.ndarray:
    """How far above the baseline, in em."""
    x, y = (found.left[parts] + found.right[parts]) / 2, (found.top[parts] + found.bottom[parts]) / 2
    return (track.slope * x + track.intercept - y) / track.em_px


def _beyond(found: Components, parts: np.ndarray, track: Track) -> np.ndarray:
    """How far before or behind the line, in em."""
    return np.maximum(np.maximum(track.left - found.right[parts], found.left[parts] - track.right), 0) / track.em_px


def _fits(found: Components, parts: np.ndarray, track: Track) -> np.ndarray:
    width, height = found.width[parts] / track.em_px, found.height[parts] / track.em_px
    centre = _centre(found, parts, track)
    inside = (centre + height / 2 <= _ABOVE) & (height / 2 - centre <= _BELOW)
    slim = (width <= _WIDEST) | ((width <= _WIDEST_DASH) & (height <= _THICKEST_DASH))
    slim |= found.long_run[parts] < 1.5 * found.height[parts]  # a word that runs together
    slim |= (centre < _HUNG) & (found.area[parts] < _SPARSE * found.width[parts] * found.height[parts])
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
