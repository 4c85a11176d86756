"""From whatever holds a picture to upright, opaque sRGB pixels: the only place where image files are opened."""

from __future__ import annotations

from os import PathLike

import PIL.Image

from mlxvision.images.decoding import decode, flatten
from mlxvision.images.save import save_png
from mlxvision.images.source import read
from mlxvision.types import Image

__all__ = ["Source", "open_image", "save_png"]

Source = str | PathLike[str] | bytes | bytearray | memoryview | PIL.Image.Image


def open_image(source: Source) -> Image:
    """Open a path, a file: or data: URL, base64 text, an image's bytes, a PIL image, or "-" for standard input.

    Nothing is ever fetched from a network.

    Raises: UsageError, ImageNotFoundError, ImageFormatError, ImageTooLargeError.
    """
    if isinstance(source, PIL.Image.Image):
        return flatten(source)
    return decode(*read(source))
