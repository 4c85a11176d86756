"""A picture becomes patches: resized to whole squares of pixels, keeping its shape as far as those allow.

Bit-identical to transformers 5.23 `Qwen2VLImageProcessorPil`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PILImage

from mlxvision.errors import ImageError, ModelFormatError
from mlxvision.keys import Keys
from mlxvision.types import Image, Receipt, Rows

CHANNELS = 3

_LARGEST_RATIO = 200
_LARGEST_PICTURE_PX = 1 << 24  # what the released Qwen3-VL states; others state less
_BICUBIC = 3


@dataclass(frozen=True, slots=True)
class PreprocessConfig:
    """min_pixels, max_pixels: of a resized picture. mean and std: one for each colour channel.

    patch_size: a side of a patch in pixels. merge_size: a side of an image token in patches.
    """

    min_pixels: int
    max_pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    patch_size: int
    merge_size: int

    @property
    def factor(self) -> int:
        """The side of the square of pixels that becomes one image token."""
        return self.patch_size * self.merge_size


@dataclass(frozen=True, slots=True, eq=False)
class GridInput:
    """canvas: (height, width, C) uint8.

    Patches come token by token, those of one token row by row.
    """

    canvas: np.ndarray
    receipt: Receipt
    config: PreprocessConfig

    @property
    def merge(self) -> int:
        return self.config.merge_size

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of image tokens."""
        height, width, _ = self.canvas.shape
        factor = self.config.factor
        return height // factor, width // factor

    def patches(self) -> np.ndarray:
        """(P, patch, patch, C) float32, normalised."""
        rows, columns = self.grid
        p, m = self.config.patch_size, self.merge
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


def read_preprocess(
    preprocessor: Mapping[str, Any], patch_size: int, merge_size: int, temporal_patch_size: int
) -> PreprocessConfig:
    """Either `min_pixels` and `max_pixels` (as first released), or `size` with two edges that mean the same.

    preprocessor: of preprocessor_config.json; the sizes are those of config.json, which it must not contradict.

    Raises: ModelFormatError naming the key that is missing or implausible
    """
    keys = Keys(preprocessor, file="preprocessor_config.json")
    for key in ("do_resize", "do_rescale", "do_normalize"):
        keys.only_if_stated(key, True)
    keys.only_if_stated("resample", _BICUBIC)
    keys.only_if_stated("rescale_factor", 1 / 255)
    keys.only_if_stated("patch_size", patch_size)
    keys.only_if_stated("merge_size", merge_size)
    keys.only_if_stated("temporal_patch_size", temporal_patch_size)
    least, most = (
        keys.integer(key, high=_LARGEST_PICTURE_PX)
        if key in keys
        else keys.inner("size").integer(edge, high=_LARGEST_PICTURE_PX)
        for key, edge in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge"))
    )
    if not least <= most or most < (patch_size * merge_size) ** 2:
        advice = "Use the config of the original repository"
        raise ModelFormatError("implausible sizes in preprocessor_config.json", f"{least} to {most} pixels", advice)
    mean, std = keys.numbers("image_mean", CHANNELS, -100, 100), keys.numbers("image_std", CHANNELS, 1e-4, 100)
    return PreprocessConfig(least, most, mean, std, patch_size, merge_size)


def prepare(image: Image, config: PreprocessConfig) -> GridInput:
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
    return GridInput(canvas, receipt, config)


def count_tokens(image: Image, config: PreprocessConfig) -> int:
    """How many tokens the picture becomes. Raises: ImageError as `prepare` does."""
    height, width = scaled_size(image, config)
    return (height // config.factor) * (width // config.factor)


def scaled_size(image: Image, config: PreprocessConfig) -> tuple[int, int]:
    """(height, width) in whole squares, of as many pixels as the model was trained for. Raises: ImageError"""
    height, width, factor = image.height, image.width, config.factor
    least, most = config.min_pixels, config.max_pixels
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


def rows_of_text(config: PreprocessConfig) -> Rows:
    """Fourteen rows on a canvas of 20 by 20 image tokens: for tokens of 28 px, text of 27 px on 560 px."""
    side = 20 * config.factor
    return Rows(side, side // 14, round(side / 21))


def _normalised(config: PreprocessConfig) -> np.ndarray:
    """(256, C) float32: what each of the 256 levels becomes in each channel."""
    levels = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    return (levels[:, None] - np.asarray(config.mean, np.float32)) / np.asarray(config.std, np.float32)
