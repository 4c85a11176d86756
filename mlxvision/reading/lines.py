"""The lines of text of a picture, in reading order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlxvision.reading.components import Components, find_components
from mlxvision.reading.ink import darkness, luminance
from mlxvision.reading.marks import find_dashes, find_owners, stretch
from mlxvision.reading.measure import measure, settle
from mlxvision.reading.order import reading_order
from mlxvision.reading.rows import join_near, join_rows
from mlxvision.reading.segments import Segment, distinct, find_letters, find_segments, find_singles, is_clear, outermost
from mlxvision.reading.strip import Track
from mlxvision.types import Box

__all__ = ["TextLine", "find_lines"]

_WIDE_GAP = 1.2  # em, from here on a gap parts two runs


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """One line of text, in pixels of the upright picture.

    box: around its ink. runs: the (left, right) spans of text without a wide gap, left to right.
    baseline: (slope, intercept), y = slope * x + intercept. em_px: the size of the font.
    inverted: whether the ink is lighter than its ground.
    """

    box: Box
    runs: tuple[tuple[float, float], ...]
    baseline: tuple[float, float]
    em_px: float
    inverted: bool


def find_lines(pixels: np.ndarray) -> list[TextLine]:
    """pixels: (H, W, 3) uint8 -> the lines in reading order."""
    grey = luminance(pixels)
    ink, noise = darkness(grey)
    found = find_components(ink)
    clear = is_clear(found, noise)
    letters = clear & find_letters(found, grey.shape[1])
    segments = join_near(found, find_segments(found, letters))
    owner = find_owners(found, segments, [s.track for s in segments])
    singles = find_singles(found, segments, letters, clear & (owner < 0))
    segments = join_near(found, stretch(found, segments, owner))  # words that run together are known now
    segments = join_rows(found, distinct(found, outermost(segments + singles)))
    plates = {dark: _plate(ink, found, segments, dark) for dark in {s.dark for s in segments}}
    tracks = settle([measure(plates[s.dark], s.track) for s in segments])
    owner = find_owners(found, segments, tracks)
    lines = [
        _line(found, np.flatnonzero(owner == i), track, segment.dark)
        for i, (track, segment) in enumerate(zip(tracks, segments, strict=True))
    ]
    for parts, track in find_dashes(found, clear & (owner < 0), tracks):
        lines.append(_line(found, parts, track, bool(found.dark[parts[0]])))
    boxes = np.array([[line.box.left, line.box.top, line.box.right, line.box.bottom] for line in lines])
    return [lines[i] for i in reading_order(boxes, np.array([line.em_px for line in lines]))]


def _plate(ink: np.ndarray, found: Components, segments: list[Segment], dark: bool) -> np.ndarray:
    """(H, W) uint8: the segments' letters of one kind above 128, their ground below; all else is turned into ground."""
    other = found.dark == dark
    for segment in segments:
        other[segment.parts] = False
    turned = np.repeat(other[found.labels], np.diff(found.starts, append=ink.size)).reshape(ink.shape)
    return np.clip(128 + np.where(turned == dark, -ink, ink), 0, 255).astype(np.uint8)


def _line(found: Components, parts: np.ndarray, track: Track, dark: bool) -> TextLine:
    left, right = found.left[parts], found.right[parts]
    box = Box(int(left.min()), int(found.top[parts].min()), int(right.max()), int(found.bottom[parts].max()))
    order = np.argsort(left)
    left, reach = left[order], np.maximum.accumulate(right[order])
    cuts = np.flatnonzero(left[1:] - reach[:-1] > _WIDE_GAP * track.em_px)
    firsts, lasts = [0, *(cuts + 1)], [*cuts, len(parts) - 1]
    runs = tuple((float(left[a]), float(reach[b])) for a, b in zip(firsts, lasts, strict=True))
    return TextLine(box, runs, (track.slope, track.intercept), track.em_px, not dark)
