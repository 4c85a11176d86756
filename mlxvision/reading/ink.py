"""What is dark and what is light in a picture, each place judged by its own surroundings.

The threshold lies half-way between the darkest and the lightest pixel around (Bernsen, 1986), and the surroundings are
the smallest that have any contrast at all: a few pixels at small text, more inside the strokes of large text.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageFilter

__all__ = ["darkness", "luminance"]

_BLOCK_PX = 4
_LEAST_CONTRAST = 22
_NOISE_CONTRAST = 2.0  # times the usual range in a block of plain ground: what is rare in 3 x 3 of them
_NOISY = 8

_Extreme = Callable[..., np.ndarray]


def luminance(pixels: np.ndarray) -> np.ndarray:
    """pixels: (H, W, 3) uint8 -> (H, W) uint8."""
    return np.asarray(PIL.Image.fromarray(pixels).convert("L"))


def darkness(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """grey: (H, W) uint8 -> (H, W) int16, how much darker than the middle of its surroundings; and the noise in it."""
    noise = _noise(grey)
    if noise > _NOISY:
        grey = np.asarray(PIL.Image.fromarray(grey).filter(PIL.ImageFilter.GaussianBlur(0.8)))
        noise = _noise(grey)
    middle = _threshold(grey, max(_LEAST_CONTRAST, _NOISE_CONTRAST * noise))
    return middle.astype(np.int16) - grey, noise


def _noise(grey: np.ndarray) -> float:
    """The range of grey in the plainest fifth of all blocks; a part of that in the richest, if there are none."""
    low, high = (_shrink(grey, extreme, _BLOCK_PX) for extreme in (np.minimum, np.maximum))
    plain, rich = np.percentile(high - low, (20, 98))
    return float(min(plain, 0.25 * rich))


def _threshold(grey: np.ndarray, contrast: float) -> np.ndarray:
    """grey: (H, W) uint8 -> (H, W) uint8, from the widest surroundings down to the nearest."""
    height, width = grey.shape
    levels = [grey]
    while max(levels[-1].shape) > 3 * _BLOCK_PX:
        levels.append(np.asarray(PIL.Image.fromarray(levels[-1]).reduce(2)))
    surface = np.full((1, 1), (int(levels[-1].min()) + int(levels[-1].max())) // 2, np.uint8)
    for level in reversed(levels):
        darkest, lightest = (_spread(_shrink(level, e, _BLOCK_PX), e) for e in (np.minimum, np.maximum))
        middle = darkest // 2 + lightest // 2
        surface = np.where(lightest - darkest >= contrast, middle, _resize(surface, middle.shape[::-1]))
    whole = _resize(surface, (surface.shape[1] * _BLOCK_PX, surface.shape[0] * _BLOCK_PX))
    return whole[:height, :width]


def _shrink(grey: np.ndarray, extreme: _Extreme, factor: int) -> np.ndarray:
    """The extreme of every block of factor x factor; an incomplete block repeats the edge."""
    height, width = grey.shape
    if height % factor or width % factor:
        grey = np.pad(grey, ((0, -height % factor), (0, -width % factor)), mode="edge")
    rows = np.ascontiguousarray(grey[::factor])
    for i in range(1, factor):
        rows = extreme(rows, grey[i::factor])
    columns = rows[:, ::factor]
    for i in range(1, factor):
        columns = extreme(columns, rows[:, i::factor])
    return columns


def _spread(grey: np.ndarray, extreme: _Extreme) -> np.ndarray:
    """The extreme of every 3 x 3 neighbourhood."""
    padded = np.pad(grey, 1, mode="edge")
    rows = extreme(extreme(padded[:-2], padded[2:]), padded[1:-1])
    return extreme(extreme(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])


def _resize(surface: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(PIL.Image.fromarray(surface).resize(size, PIL.Image.Resampling.BILINEAR))
