"""Reading order: from top to bottom, but columns one after the other.

Columns are a stretch of lines, one below the other, that a vertical gap parts in two, where most lines on one side
have a neighbour on the other: messages of two people, left and right, have none.
"""

from __future__ import annotations

import numpy as np

from mlxvision.reading.strip import Track

__all__ = ["reading_order"]

_BESIDE = 0.8  # em, how far apart the baselines of neighbours may be


def reading_order(tracks: list[Track]) -> list[int]:
    """The numbers of the lines in reading order, as on a page that lies level."""
    slope = float(np.median([t.slope for t in tracks])) if tracks else 0.0
    middle = [(t.left + t.right) / 2 for t in tracks]
    y = np.array([t.y(x) - slope * x for t, x in zip(tracks, middle, strict=True)])
    place = np.array([(t.left, t.right, y[i], t.em_px) for i, t in enumerate(tracks)]).reshape(-1, 4)
    return _read(place, np.argsort(y))


def _read(place: np.ndarray, lines: np.ndarray) -> list[int]:
    """place: (L, 4) left, right, y, em. lines: some of them, from the top."""
    order: list[int] = []
    while len(lines):
        columns = _columns(place, lines)
        if columns is None:
            order.append(int(lines[0]))
            lines = lines[1:]
        else:
            order += [*_read(place, columns[0]), *_read(place, columns[1])]
            lines = lines[len(columns[0]) + len(columns[1]) :]
    return order


def _columns(place: np.ndarray, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The left and the right one of those that begin with the first line, as long as they can be."""
    longest = None
    for n in range(2, len(lines) + 1):
        left, right = place[lines[:n], 0], place[lines[:n], 1]
        by_left = np.argsort(left)
        gaps = np.flatnonzero(left[by_left][1:] > np.maximum.accumulate(right[by_left])[:-1])
        if not len(gaps):
            break
        for gap in gaps:
            sides = lines[:n][np.sort(by_left[: gap + 1])], lines[:n][np.sort(by_left[gap + 1 :])]
            if _beside(place, *sides):
                longest = sides
                break
    return longest


def _beside(place: np.ndarray, left: np.ndarray, right: np.ndarray) -> bool:
    near = np.abs(place[left, None, 2] - place[right, 2]) < _BESIDE * np.maximum(place[left, None, 3], place[right, 3])
    return 2 * int(near.any(int(len(left) < len(right))).sum()) > min(len(left), len(right))
