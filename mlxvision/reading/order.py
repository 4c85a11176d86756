"""Reading order: lines form blocks, one below the other or side by side, and blocks are read one after the other."""

from __future__ import annotations

import numpy as np

__all__ = ["reading_order"]


def reading_order(boxes: np.ndarray, em_px: np.ndarray) -> list[int]:
    """boxes: (L, 4) left, top, right, bottom. em_px: (L,) -> the numbers of the lines in reading order."""
    if not len(boxes):
        return []
    blocks = _blocks(boxes, em_px)
    extents = np.array([[*boxes[b, :2].min(0), *boxes[b, 2:].max(0)] for b in blocks])
    return [int(i) for block in _sorted(extents) for i in blocks[block]]


def _blocks(boxes: np.ndarray, em_px: np.ndarray) -> list[np.ndarray]:
    """Lines of which each is the only one right above and right below the other."""
    left, top, right, bottom = boxes.T
    middle = (top + bottom) / 2
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    below = (middle[None] > middle[:, None] + 0.4 * em_px[:, None]) & (shared > 0)
    distance = np.where(below, middle[None] - middle[:, None], np.inf)
    em = np.maximum(em_px[:, None], em_px)
    close = (distance <= 2.6 * em) & (distance <= 1.4 * distance.min(1, keepdims=True))
    single = close & (close.sum(1, keepdims=True) == 1)
    other = (distance <= 2.6 * em) & (distance <= 1.4 * distance.min(0, keepdims=True))
    single &= other & (other.sum(0, keepdims=True) == 1)
    follower = np.where(single.any(1), single.argmax(1), -1)
    starts = np.flatnonzero(~single.any(0))
    blocks = []
    for start in starts:
        block, i = [], int(start)
        while i >= 0:
            block.append(i)
            i = int(follower[i])
        blocks.append(np.array(block))
    return blocks


def _sorted(extents: np.ndarray) -> list[int]:
    """Left before right where blocks stand side by side, otherwise upper before lower."""
    left, top, right, bottom = extents.T
    height = bottom - top
    shared_y = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    shared_x = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    beside = (shared_y > 0.3 * np.minimum(height[:, None], height)) & (shared_x <= 0)
    before = np.where(beside, left[:, None] < left, top[:, None] < top)
    np.fill_diagonal(before, False)
    waiting = before.sum(0)
    by_top = np.lexsort((left, top))
    order: list[int] = []
    while len(order) < len(extents):
        chosen = int(by_top[np.argmax(waiting[by_top] == 0)]) if (waiting == 0).any() else int(by_top[0])
        order.append(chosen)
        waiting = waiting - before[chosen]
        waiting[chosen] = len(extents) + 1
        by_top = by_top[by_top != chosen]
    return order
