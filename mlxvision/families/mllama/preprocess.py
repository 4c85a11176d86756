"""A picture becomes tiles: resized onto the best canvas of up to four tiles, padded, cut row by row.

Bit-identical to transformers 5.23 `MllamaImageProcessorPil`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from mlxvision.families.mllama.config import Config, PreprocessConfig, arrangements
from mlxvision.types import Image, Receipt, Rows


@dataclass(frozen=True, slots=True, eq=False)
class MllamaInput:
    """canvas: (rows * S, columns * S, C) uint8, padded with black on the right and below; S is a tile's side."""

    canvas: np.ndarray
    receipt: Receipt
    rows: int
    columns: int
    config: PreprocessConfig

    @property
    def n_tiles(self) -> int:
        return self.rows * self.columns

    @property
    def aspect_ratio_id(self) -> int:
        """Row of the tile embedding tables; row 0 is for no image."""
        return arrangements(self.config.max_image_tiles).index((self.rows, self.columns)) + 1

    def tiles(self) -> np.ndarray:
        """(T, S, S, C) float32, normalised, in reading order."""
        height, width, C = self.canvas.shape
        S_h, S_w = height // self.rows, width // self.columns
        cut = self.canvas.reshape(self.rows, S_h, self.columns, S_w, C).transpose(0, 2, 1, 3, 4)
        return _normalised(self.config)[cut.reshape(-1, S_h, S_w, C), np.arange(C)]


def preprocess(image: Image, config: Config) -> MllamaInput:
    """Scale the picture onto its canvas, keeping its shape as far as whole pixels allow."""
    side = config.vision.image_size
    rows, columns = choose_canvas(image.height, image.width, side, config.preprocess.max_image_tiles)
    height, width = fit(image.height, image.width, rows * side, columns * side, side)
    scaled = PILImage.fromarray(image.pixels).resize((width, height), PILImage.Resampling(config.preprocess.resample))
    canvas = np.zeros((rows * side, columns * side, config.vision.num_channels), np.uint8)
    canvas[:height, :width] = np.asarray(scaled)
    receipt = Receipt(
        source=image.source,
        sha256=image.sha256,
        orientation=image.orientation,
        width=image.width,
        height=image.height,
        scaled_width=width,
        scaled_height=height,
        canvas_width=columns * side,
        canvas_height=rows * side,
        tiles=rows * columns,
    )
    return MllamaInput(canvas, receipt, rows, columns, config.preprocess)


def rows(config: Config) -> Rows:
    """Fourteen rows on a tile: for tiles of 560 px, text of 27 px."""
    side = config.vision.image_size
    return Rows(side, side // 14, round(side / 21))


def choose_canvas(height: int, width: int, side: int, max_tiles: int) -> tuple[int, int]:
    """The (rows, columns) that enlarges the picture least, or else shrinks it least; of equals the smallest."""
    options = [(min(r * side / height, c * side / width), (r, c)) for r, c in arrangements(max_tiles)]
    enlarging = [scale for scale, _ in options if scale >= 1]
    best = min(enlarging) if enlarging else max(scale for scale, _ in options)
    return min((canvas for scale, canvas in options if scale == best), key=math.prod)


def fit(height: int, width: int, canvas_height: int, canvas_width: int, side: int) -> tuple[int, int]:
    """The (height, width) to scale to: inside the canvas, and not smaller than one tile where the canvas allows."""
    target_height = min(max(height, side), canvas_height)
    target_width = min(max(width, side), canvas_width)
    scale_h, scale_w = target_height / height, target_width / width
    if scale_w < scale_h:
        return min(math.floor(height * scale_w) or 1, target_height), target_width
    return target_height, min(math.floor(width * scale_h) or 1, target_width)


def _normalised(config: PreprocessConfig) -> np.ndarray:
    """(256, C) float32: what each of the 256 levels becomes in each channel."""
    levels = (np.arange(256, dtype=np.float64) * config.rescale_factor).astype(np.float32)
    return (levels[:, None] - np.asarray(config.mean, np.float32)) / np.asarray(config.std, np.float32)
