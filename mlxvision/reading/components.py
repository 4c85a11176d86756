"""Connected components, dark and light at once, from the runs of equal pixels of every row.

Runs are joined by hooking the larger root under the smaller and halving paths (Shiloach and Vishkin, 1982), all runs
at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Components", "find_components", "join"]


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """C components and which of them stand side by side.

    left, top, right, bottom: (C,) bounding boxes; right and bottom lie outside. area: (C,) pixels.
    run: (C,) the mean length of its runs. long_run: (C,) the same, each pixel counted. dark: (C,) bool.
    contrast: (C,) the mean darkness or lightness.
    before, after, gap: (N,) neighbours of one kind in a row of pixels, with just one run of the other kind between.
    labels: (R,) the component of every run. starts: (R,) where it starts in the flattened picture.
    """

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray
    area: np.ndarray
    run: np.ndarray
    long_run: np.ndarray
    dark: np.ndarray
    contrast: np.ndarray
    before: np.ndarray
    after: np.ndarray
    gap: np.ndarray
    labels: np.ndarray
    starts: np.ndarray

    @property
    def width(self) -> np.ndarray:
        return self.right - self.left

    @property
    def height(self) -> np.ndarray:
        return self.bottom - self.top


def find_components(darkness: np.ndarray) -> Components:
    """darkness: (H, W) int16, of dark pixels above 0."""
    dark = darkness > 0
    width = dark.shape[1]
    change = np.ones(dark.shape, bool)
    np.not_equal(dark[:, 1:], dark[:, :-1], out=change[:, 1:])
    starts = np.flatnonzero(change)
    colour = dark.ravel()[starts]
    labels = join(len(starts), *_touching(starts, colour, dark.size, width))
    roots, labels = np.unique(labels, return_inverse=True)
    row, left = np.divmod(starts, width)
    length = np.diff(starts, append=dark.size)
    n = len(roots)
    area = np.bincount(labels, length, n)
    same_row = row[2:] == row[:-2]
    before, after, gap = labels[:-2][same_row], labels[2:][same_row], length[1:-1][same_row]
    apart = before != after
    return Components(
        left=_extreme(np.minimum, labels, left, n, width),
        top=_extreme(np.minimum, labels, row, n, dark.shape[0]),
        right=_extreme(np.maximum, labels, left + length, n, 0),
        bottom=_extreme(np.maximum, labels, row + 1, n, 0),
        area=area,
        run=area / np.bincount(labels, minlength=n),
        long_run=np.bincount(labels, length.astype(float) ** 2, n) / area,
        dark=colour[roots],
        contrast=np.abs(np.bincount(labels, np.add.reduceat(darkness.ravel(), starts, dtype=np.int64), n)) / area,
        before=before[apart],
        after=after[apart],
        gap=gap[apart],
        labels=labels,
        starts=starts,
    )


def join(n: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest member of the set of each of n things, where a[i] and b[i] are in one set: (n,) int."""
    root = np.arange(n)
    while True:
        a, b = root[a], root[b]
        apart = a != b
        if not apart.any():
            return root
        a, b = a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(further := root[root], root):
            root = further


def _touching(starts: np.ndarray, colour: np.ndarray, size: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs of one colour in neighbouring rows that overlap, or touch at a corner.

    Of such two, one starts within the other or right behind it.
    """
    lower = np.arange(np.searchsorted(starts, width), len(starts))
    upper = np.arange(np.searchsorted(starts, size - width))
    pairs = [_starting(starts, colour, lower, -width), _starting(starts, colour, upper, width)]
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _starting(starts: np.ndarray, colour: np.ndarray, runs: np.ndarray, way: int) -> tuple[np.ndarray, np.ndarray]:
    """The runs whose start, moved by `way`, lies in or right behind a run of their colour, and that run."""
    place = starts[runs] + way
    other = np.searchsorted(starts, place, side="right") - 1
    same = colour[other] == colour[runs]
    corner = ~same & (starts[other] == place) & (other > 0)
    other = other - corner
    same |= corner & (colour[other] == colour[runs])
    return runs[same], other[same]


def _extreme(pick: np.ufunc, labels: np.ndarray, values: np.ndarray, n: int, start: int) -> np.ndarray:
    found = np.full(n, start)
    pick.at(found, labels, values)
    return found
