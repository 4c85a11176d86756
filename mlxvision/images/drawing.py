"""Boxes on a picture, for people who want to see where a model says that things are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import PIL.Image
from PIL import ImageDraw, ImageFont

from mlxvision.errors import shorten
from mlxvision.types import Box

_LINE, _TEXT = (220, 0, 60), (255, 255, 255)


def draw_boxes(pixels: np.ndarray, boxes: Iterable[tuple[str, Box]]) -> np.ndarray:
    """pixels: (height, width, 3) uint8 -> a copy with every box, and its label above it where there is room."""
    picture = PIL.Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    side = max(picture.size)
    font = ImageFont.load_default(12 + side // 100)
    for label, box in boxes:
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), outline=_LINE, width=1 + side // 500)
        corner, text = (box.left, box.top), shorten(label)
        anchor = "lb" if draw.textbbox(corner, text, font, "lb")[1] >= 0 else "lt"
        if text:
            draw.rectangle(draw.textbbox(corner, text, font, anchor), fill=_LINE)
            draw.text(corner, text, _TEXT, font, anchor)
    return np.asarray(picture)
