"""Every Pillow mode to opaque 8-bit RGB, strip by strip, so that no second whole picture is held.

Transparency is composited over white by Pillow's own `alpha_composite`, to the same rounding as the processors that
the models were trained with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import PIL.Image

from mlxvision.errors import ImageFormatError

__all__ = ["upright_rgb"]

_STRIP_PX = 2**20

_Converter = Callable[[PIL.Image.Image], np.ndarray]

# EXIF orientation -> the steps along rows and columns that give the stored picture, after a transposition from 5 on.
_STEPS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}

# The white of pictures in 32-bit numbers is stated nowhere: the smallest usual one that holds the largest value.
_WHITES = {"I": (255, 65535), "F": (1, 255, 65535)}


def upright_rgb(picture: PIL.Image.Image, orientation: int, source: str) -> np.ndarray:
    """The decoded picture turned upright: (height, width, 3) uint8, read-only.

    Raises: ImageFormatError for a mode or values with no meaning as a picture.
    """
    width, height = picture.size
    shape = (height, width) if orientation < 5 else (width, height)
    pixels = np.empty((*shape, 3), np.uint8)
    down, across = _STEPS[orientation]
    stored = (pixels if orientation < 5 else pixels.swapaxes(0, 1))[::down, ::across]
    to_rgb = _converter(picture, source)
    rows = max(1, _STRIP_PX // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        stored[top:bottom] = to_rgb(picture.crop((0, top, width, bottom)))
    pixels.flags.writeable = False
    return pixels


def _converter(picture: PIL.Image.Image, source: str) -> _Converter:
    """What turns a strip of this picture into RGB, or into grey of shape (height, width, 1)."""
    match picture.mode:
        case "I;16" | "I;16L" | "I;16B" | "I;16N":
            return _from_16_bit
        case "I" | "F":
            return _from_numbers(picture, source)
        case "La":
            raise ImageFormatError("a picture of mode La", source, "Convert it to RGBA first")
    if picture.has_transparency_data:
        return _over_white
    return lambda strip: np.asarray(strip.convert("RGB"))


def _over_white(strip: PIL.Image.Image) -> np.ndarray:
    white = PIL.Image.new("RGBA", strip.size, "white")
    return np.asarray(PIL.Image.alpha_composite(white, strip.convert("RGBA")).convert("RGB"))


def _from_16_bit(strip: PIL.Image.Image) -> np.ndarray:
    """The high byte, as Pillow itself reads 16-bit colour, so that grey stored either way looks the same."""
    values = np.asarray(strip)
    grey = (values >> 8).astype(np.uint8)
    grey[values == strip.info.get("transparency", -1)] = 255
    return grey[..., None]


def _from_numbers(picture: PIL.Image.Image, source: str) -> _Converter:
    low, high = cast(tuple[float, float], picture.getextrema())
    white = next((white for white in _WHITES[picture.mode] if 0 <= low <= high <= white), None)
    refusal = ImageFormatError("32-bit values outside 0 to 65535", source, "Save the picture with 8 or 16 bits")
    if white is None:
        raise refusal

    def convert(strip: PIL.Image.Image) -> np.ndarray:
        values = np.asarray(strip)
        if np.isnan(values).any():
            raise refusal
        return np.rint(values * (255 / white)).astype(np.uint8)[..., None]

    return convert
