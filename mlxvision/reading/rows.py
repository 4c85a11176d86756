"""Segments to rows: what stands on one baseline is one line of text, however wide its gaps, except across a gutter.

"Milk ........ 3.20" is one line; so are the cells of a table's row and the tabs of a window. Two columns of running
text are not, although their lines may stand level: between them is a gutter, with long lines on both sides of it, or
with lines on both sides that have no partner on the other.
"""

from __future__ import annotations

import numpy as np

from mlxvision.reading.components import Components, join
from mlxvision.reading.segments import Segment, Table, merge, tabulate

__all__ = ["join_near", "join_rows"]

_WORD_GAP = 1.7  # em, of a size that small letters alone may have made too small
_LEVEL = 0.25  # em, how far two baselines of one row may be apart
_RUNNING_TEXT = 10  # em, the least usual width of its lines
_TIGHT_PITCH = 2.0  # em, the largest pitch of running text


def join_near(found: Components, segments: list[Segment]) -> list[Segment]:
    """Words to stretches of text without a wide gap."""
    t = tabulate(segments)
    gap = np.maximum(t.left[None], t.left[:, None]) - np.minimum(t.right[None], t.right[:, None])
    large = np.maximum(t.em[:, None], t.em)
    near = _level(t) & (gap <= _WORD_GAP * large) & (_alike(t) | (gap < 0.2 * large))
    return _joined(found, segments, *np.nonzero(near))


def join_rows(found: Components, segments: list[Segment]) -> list[Segment]:
    """One segment for each line of text."""
    t = tabulate(segments)
    a, b = _neighbours(t)
    words = np.array([len(s.parts) > 1 for s in segments], bool)
    free = ~_blocked(t, words, a, b)
    a, b = a[free], b[free]
    apart = _across_gutters(t, a, b)
    return _joined(found, segments, a[~apart], b[~apart])


def _joined(found: Components, segments: list[Segment], a: np.ndarray, b: np.ndarray) -> list[Segment]:
    group = join(len(segments), a, b)
    return [merge(found, [segments[i] for i in np.flatnonzero(group == root)]) for root in np.unique(group)]


def _alike(t: Table) -> np.ndarray:
    """(S, S) bool: whether sizes can be the same, one taken from small letters and one from tall ones, to the pixel."""
    return np.maximum(t.em[:, None], t.em) <= 1.55 * np.minimum(t.em[:, None], t.em) + 2


def _level(t: Table) -> np.ndarray:
    """(S, S) bool: of one kind, on one baseline."""
    x = (np.maximum(t.left[None], t.left[:, None]) + np.minimum(t.right[None], t.right[:, None])) / 2
    drop = t.slope[:, None] * x + t.intercept[:, None] - t.y(x)
    return (np.abs(drop) <= _LEVEL * np.maximum(t.em[:, None], t.em)) & (t.dark[:, None] == t.dark)


def _neighbours(t: Table) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (a, b): b is the next to the right of a on its baseline, and a the next to the left of b."""
    gap = t.left[None] - t.right[:, None]
    follows = (t.left[None] > t.left[:, None]) & (gap > -t.em)  # dots between two words are counted to both
    gap = np.where(_level(t) & _alike(t) & follows, gap, np.inf)
    last, first = (gap.min(axis, keepdims=True, initial=np.inf) for axis in (0, 1))
    a, b = np.nonzero(np.isfinite(gap) & (gap == first) & (gap == last))
    return a, b


def _blocked(t: Table, words: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a word on a baseline of its own stands in the gap of a pair."""
    base = t.y((t.left + t.right) / 2)
    y, size = (base[a] + base[b])[:, None] / 2, np.maximum(t.em[a], t.em[b])[:, None]
    away = np.abs(base - y)
    beside = (t.right > t.right[a][:, None]) & (t.left < t.left[b][:, None]) & words
    return np.asarray((beside & (away > _LEVEL * size) & (away < 0.6 * np.minimum(t.em, size))).any(1))


def _across_gutters(t: Table, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) bool: which of the pairs stand on both sides of a gutter between columns."""
    x, size = (t.right[a] + t.left[b]) / 2, np.maximum(t.em[a], t.em[b])
    y = t.slope[a] * x + t.intercept[a]
    overlap = np.minimum(t.left[b][:, None], t.left[b]) - np.maximum(t.right[a][:, None], t.right[a])
    near = (np.abs(y[:, None] - y) <= 3.5 * np.maximum(size[:, None], size)) & (overlap > 0.5 * size)
    group = join(len(a), *np.nonzero(near))
    apart = np.zeros(len(a), bool)
    for root in np.unique(group):
        pairs = np.flatnonzero(group == root)
        apart[pairs] = _is_gutter(t, t.y(float(np.median(x[pairs]))), a[pairs], b[pairs])
    return apart


def _is_gutter(t: Table, base: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    """base: (S,) where the baselines of all segments cross the gap between the pairs (a, b)."""
    size, y = float(np.median(t.em[a])), np.sort((base[a] + base[b]) / 2)
    on_left = (t.left < t.right[a].max()) & (t.right > t.left[a].min())
    on_right = (t.left < t.right[b].max()) & (t.right > t.left[b].min())
    if (on_left & on_right & (base > y[0]) & (base < y[-1])).any():
        return False
    near = (base > y[0] - 4 * size) & (base < y[-1] + 4 * size)
    near[a] = near[b] = False
    sides = base[near & on_left & ~on_right], base[near & on_right & ~on_left]
    apart = np.abs(sides[0][:, None] - sides[1]) > _LEVEL * size
    lonely = min(int(apart.all(1).sum()), int(apart.all(0).sum()))
    if lonely > max(1, 0.5 * len(a)):
        return True
    narrower = min(float(np.median((t.right[side] - t.left[side]) / t.em[side])) for side in (a, b))
    pitch = float(np.median(np.diff(y))) / size if len(y) > 2 else np.inf
    return narrower >= _RUNNING_TEXT and (pitch <= _TIGHT_PITCH or lonely > 0)
