"""Pixels to a file, for people who want to see what the model saw."""

from __future__ import annotations

from os import PathLike

import numpy as np
import PIL.Image

from mlxvision.errors import UsageError

__all__ = ["save_png"]


def save_png(pixels: np.ndarray, path: str | PathLike[str]) -> None:
    """Write pixels: (height, width, 3) uint8 as a PNG.

    Raises: UsageError if the file cannot be written.
    """
    try:
        PIL.Image.fromarray(pixels).save(path, format="PNG")
    except OSError as error:
        raise UsageError("the picture cannot be written", path, "Give a writable directory with free space") from error
