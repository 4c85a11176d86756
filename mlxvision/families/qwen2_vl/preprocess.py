"""A picture becomes patches: resized to whole squares of pixels, keeping its shape as far as those allow.

Bit-identical to transformers 5.23 `Qwen2VLImageProcessorPil`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from mlxvision.errors import ImageError
from mlxvision.families.qwen2_vl.config import CHANNELS, Config, PreprocessConfig
from mlxvision.types import Image, Receipt, Rows

_LARGEST_RATIO = 200


@dataclass(frozen=True, slots=True, eq=False)
class QwenInput:
    """canvas: (height, width, C) uint8. patch: a side of a patch in pixels. merge: a side of an image token in patches.

    Patches come token by token, those of one token row by row.
    """

    canvas: np.ndarray
    receipt: Receipt
    patch: int
    merge: int
    config: PreprocessConfig

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of image tokens."""
        height, width, _ = self.canvas.shape
        factor = self.patch * self.merge
        return height // factor, width // factor

    def patches(self) -> np.ndarray:
        """(P, patch, patch, C) float32, normalised."""
        rows, columns = self.grid
        p, m = self.patch, self.merge
        cut = self.canvas.reshape(rows, m, p, columns, m, p, CHANNELS).transpose(0, 3, 1, 4, 2, 5, 6)
        cut, levels = cut.reshape(-1, p, p, CHANNELS), _normalised(self.config)
        patches = np.empty(cut.shape, np.float32)
        for channel in range(CHANNELS):
            patches[..., channel] = levels[:, channel].take(cut[..., channel])
        return patches

    def positions(self) -> np.ndarray:
        """(2, P), the row and the column of each patch."""
        rows, columns = self.grid
        m = self.merge
        places = np.indices((rows * m, columns * m)).reshape(2, rows, m, columns, m)
        return places.transpose(0, 1, 3, 2, 4).reshape(2, -1)


def preprocess(image: Image, config: Config) -> QwenInput:
    """Raises: ImageError if the picture is too long for its width, or too wide for its height."""
    height, width = scaled_size(image, config)
    canvas = np.asarray(PILImage.fromarray(image.pixels).resize((width, height), PILImage.Resampling.BICUBIC))
    receipt = Receipt(
        source=image.source,
        sha256=image.sha256,
        orientation=image.orientation,
        width=image.width,
        height=image.height,
        scaled_width=width,
        scaled_height=height,
        canvas_width=width,
        canvas_height=height,
        tiles=count_tokens(image, config),
    )
    return QwenInput(canvas, receipt, config.vision.patch_size, config.vision.spatial_merge_size, config.preprocess)


def count_tokens(image: Image, config: Config) -> int:
    """How many tokens the picture becomes. Raises: ImageError as `preprocess` does."""
    height, width = scaled_size(image, config)
    return (height // config.vision.factor) * (width // config.vision.factor)


def scaled_size(image: Image, config: Config) -> tuple[int, int]:
    """(height, width) in whole squares, of as many pixels as the model was trained for. Raises: ImageError"""
    height, width, factor = image.height, image.width, config.vision.factor
    least, most = config.preprocess.min_pixels, config.preprocess.max_pixels
    if max(height, width) > _LARGEST_RATIO * min(height, width):
        what = f"a picture of more than {_LARGEST_RATIO} times its own width or height"
        raise ImageError(what, f"{width}x{height} px", "Cut it into pieces")
    # Halves go to the even number, as in the reference; a side that becomes 0 makes the picture too small.
    whole_height, whole_width = round(height / factor) * factor, round(width / factor) * factor
    if whole_height * whole_width > most:
        shrink = math.sqrt(height * width / most)
        whole_height = max(factor, math.floor(height / shrink / factor) * factor)
        whole_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif whole_height * whole_width < least:
        grow = math.sqrt(least / (height * width))
        whole_height = math.ceil(height * grow / factor) * factor
        whole_width = math.ceil(width * grow / factor) * factor
    return whole_height, whole_width


def rows(config: Config) -> Rows:
    """Fourteen rows on a canvas of 20 by 20 image tokens: for tokens of 28 px, text of 27 px on 560 px."""
    side = 20 * config.vision.factor
    return Rows(side, side // 14, round(side / 21))


def _normalised(config: PreprocessConfig) -> np.ndarray:
    """(256, C) float32: what each of the 256 levels becomes in each channel."""
    levels = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    return (levels[:, None] - np.asarray(config.mean, np.float32)) / np.asarray(config.std, np.float32)
