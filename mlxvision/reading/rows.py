"""Segments to rows: what stands on one baseline is one line of text, however wide its gaps, except across a gutter.

"Milk ........ 3.20" is one line; so are the cells of a table's row and the tabs of a window. Two columns of running
text are not, although their lines may stand level: between them is a gutter, with long lines on both sides of it, or
with lines on both sides that have no partner on the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlxvision.reading.components import Components, join
from mlxvision.reading.segments import Segment, Table, merge, tabulate

__all__ = ["join_near", "join_rows"]

_NEAR = 0.8  # em
_WORD_GAP = 1.7  # em, of a size that small letters alone may have made too small
_LEVEL = 0.25  # em, how far two baselines of one row may be apart
_RUNNING_TEXT = 10  # em, the least usual width of its lines
_TIGHT_PITCH = 2.0  # em, the largest pitch of running text
_FEWEST_LINES = 4

_Test = Callable[[Table, np.ndarray, np.ndarray, np.ndarray], bool]


def join_near(found: Components, segments: list[Segment]) -> list[Segment]:
    """Words to stretches of text without a wide gap."""
    t = tabulate(found, segments)
    gap = np.maximum(t.left[None], t.left[:, None]) - np.minimum(t.right[None], t.right[:, None])
    large = np.maximum(t.em[:, None], t.em)
    near = _level(t) & (t.dark[:, None] == t.dark) & (gap <= _NEAR * large) & (_alike(t) | (gap < 0.2 * large))
    return _joined(found, segments, *np.nonzero(near))


def join_rows(found: Components, segments: list[Segment]) -> list[Segment]:
    """One segment for each line of text. Word gaps are closed first, so that columns show how wide they are."""
    for widest, is_gutter in ((_WORD_GAP, _is_straight), (np.inf, _is_gutter)):
        t = tabulate(found, segments)
        a, b = _neighbours(t, widest)
        apart = _across_gutters(t, a, b, is_gutter)
        segments = _joined(found, segments, a[~apart], b[~apart])
    return segments


def _joined(found: Components, segments: list[Segment], a: np.ndarray, b: np.ndarray) -> list[Segment]:
    group = join(len(segments), a, b)
    return [merge(found, [segments[i] for i in np.flatnonzero(group == root)]) for root in np.unique(group)]


def _alike(t: Table) -> np.ndarray:
    """(S, S) bool: whether sizes can be the same, one taken from small letters and one from tall ones, to the pixel."""
    return np.maximum(t.em[:, None], t.em) <= 1.55 * np.minimum(t.em[:, None], t.em) + 2


def _level(t: Table) -> np.ndarray:
    """(S, S) bool: on one baseline."""
    x = (np.maximum(t.left[None], t.left[:, None]) + np.minimum(t.right[None], t.right[:, None])) / 2
    drop = t.slope[:, None] * x + t.intercept[:, None] - t.y(x)
    return np.abs(drop) <= _LEVEL * np.maximum(t.em[:, None], t.em)


def _neighbours(t: Table, widest: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (a, b): b is the next to the right of a on its baseline, and a the next to the left of b."""
    gap = t.left[None] - t.right[:, None]
    follows = (t.left[None] > t.left[:, None]) & (gap > -t.em)  # dots between two words are counted to both
    gap = np.where(_level(t) & _alike(t) & follows & (gap <= widest * t.em), gap, np.inf)
    last, first = (gap.min(axis, keepdims=True, initial=np.inf) for axis in (0, 1))
    a, b = np.nonzero(np.isfinite(gap) & (gap == first) & (gap == last))
    return a, b


def _across_gutters(t: Table, a: np.ndarray, b: np.ndarray, is_gutter: _Test) -> np.ndarray:
    """(N,) bool: which of the pairs stand on both sides of a gutter between columns."""
    x, size = (t.right[a] + t.left[b]) / 2, np.maximum(t.em[a], t.em[b])
    y = t.slope[a] * x + t.intercept[a]
    overlap = np.minimum(t.left[b][:, None], t.left[b]) - np.maximum(t.right[a][:, None], t.right[a])
    large = np.maximum(size[:, None], size)
    near = (np.abs(y[:, None] - y) <= 6 * large) & (overlap > 0.5 * size)
    near &= np.abs(t.left[b][:, None] - t.left[b]) < 1.5 * large
    group = join(len(a), *np.nonzero(near))
    apart = np.zeros(len(a), bool)
    for root in np.unique(group):
        pairs = np.flatnonzero(group == root)
        apart[pairs] = is_gutter(t, t.y(float(np.median(x[pairs]))), a[pairs], b[pairs])
    return apart


def _is_straight(t: Table, base: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the gaps of so many lines cannot be between words."""
    return len(a) >= _FEWEST_LINES


def _is_gutter(t: Table, base: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    """base: (S,) where the baselines of all segments cross the gap between the pairs (a, b)."""
    order = np.argsort(base[a])
    a, b = a[order], b[order]
    size, y, x = float(np.median(t.em[a])), (base[a] + base[b]) / 2, float(np.median(t.left[b]))
    between = (base > y[0]) & (base < y[-1])
    if (between & (t.left < x - 2 * size) & (t.right > x + 2 * size)).any():
        return False
    near = (base > y[0] - 4 * size) & (base < y[-1] + 4 * size)
    near[a] = near[b] = False
    on_left = near & (t.right < x + size) & (t.right > t.left[a].min())
    on_right = near & (t.left > x - size) & (t.left < t.right[b].max())
    sides = base[on_left], base[on_right]
    away = np.abs(sides[0][:, None] - sides[1]) > _LEVEL * size
    lonely = min(int(away.all(1).sum()), int(away.all(0).sum()))
    if lonely > max(1, 0.5 * len(a)):
        return True
    pitch = float(np.median(np.diff(y))) / size if len(y) > 2 else np.inf
    flush = len(y) > 1 and float(np.median(np.abs(np.diff(t.left[b])))) < 0.5 * size
    return flush and _is_running(t, a) and _is_running(t, b) and (pitch <= _TIGHT_PITCH or lonely > 0)


def _is_running(t: Table, lines: np.ndarray) -> bool:
    """Whether lines are long, and mostly full."""
    width = (t.right[lines] - t.left[lines]) / t.em[lines]
    return float(np.median(width)) >= max(_RUNNING_TEXT, 0.7 * width.max())
