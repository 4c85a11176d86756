"""The whole picture in small, where shapes and bars have about the size of characters."""

from __future__ import annotations

import numpy as np
import PIL.Image

__all__ = ["overview"]


def overview(pixels: np.ndarray, side_px: int, canvas_px: int) -> tuple[np.ndarray, tuple[int, int]]:
    """pixels: (H, W, 3) uint8 -> the picture, its longer side so long, at the top left of a black square canvas, and
    its height and width there."""
    scale = side_px / max(pixels.shape[:2])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    canvas = np.zeros((canvas_px, canvas_px, 3), np.uint8)
    scaled = PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.BILINEAR)
    canvas[:height, :width] = np.asarray(scaled)
    return canvas, (height, width)
