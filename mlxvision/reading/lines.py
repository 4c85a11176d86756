"""The lines of text of a picture, in reading order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlxvision.reading.components import Components, find_components
from mlxvision.reading.ink import darkness, luminance
from mlxvision.reading.marks import find_owners, find_rules, is_text, stretch
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
    clear = is_clear(found, noise) & ~find_rules(found)
    letters = find_letters(found, clear, grey.shape[1])
    segments = join_near(found, find_segments(found, letters))
    tracks = [s.track for s in segments]
    owner = find_owners(found, segments, tracks, clear, np.zeros_like(letters))
    texts = is_text(found, owner, tracks, clear)
    segments = [s for s, text in zip(stretch(found, segments, owner), texts, strict=True) if text]
    singles = find_singles(found, segments, letters & (owner < 0))
    segments = join_near(found, segments)  # words that run together are known now
    segments = distinct(found, outermost(found, segments + singles))
    segments = outermost(found, join_rows(found, segments))
    plate = _plate(ink, found, segments)
    tracks = settle([measure(plate, s.track) for s in segments])
    owner = find_owners(found, segments, tracks, clear, letters)
    lines = np.flatnonzero(is_text(found, owner, [s.track for s in segments], clear))
    order = reading_order([tracks[i] for i in lines])
    return [_line(found, np.flatnonzero(owner == i), tracks[i]) for i in lines[order]]


def _plate(ink: np.ndarray, found: Components, segments: list[Segment]) -> np.ndarray:
    """(H, W) uint8: the segments' letters above 128, all else below."""
    own = np.zeros(len(found.left), bool)
    own[np.concatenate([s.parts for s in segments] or [[]]).astype(int)] = True
    letters = np.repeat(own[found.labels], np.diff(found.starts, append=ink.size)).reshape(ink.shape)
    depth = np.abs(ink)
    return np.clip(128 + np.where(letters, depth, -depth), 0, 255).astype(np.uint8)


def _line(found: Components, parts: np.ndarray, track: Track) -> TextLine:
    left, right = found.left[parts], found.right[parts]
    box = Box(int(left.min()), int(found.top[parts].min()), int(right.max()), int(found.bottom[parts].max()))
    order = np.argsort(left)
    left, reach = left[order], np.maximum.accumulate(right[order])
    cuts = np.flatnonzero(left[1:] - reach[:-1] > _WIDE_GAP * track.em_px)
    firsts, lasts = [0, *(cuts + 1)], [*cuts, len(parts) - 1]
    runs = tuple((float(left[a]), float(reach[b])) for a, b in zip(firsts, lasts, strict=True))
    return TextLine(box, runs, (track.slope, track.intercept), track.em_px, not found.dark[parts[order[0]]])
