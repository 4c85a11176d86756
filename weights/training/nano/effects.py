"""What happens to a picture between the program that drew it and the reader."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageFilter

_FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True, slots=True)
class Distortion:
    """height, width: to scale to. steepest: the largest rotation that keeps all ink, in radians. effects: 0 to 1."""

    height: int
    width: int
    background: tuple[int, int, int]
    steepest: float
    effects: float


def distort(rng: Random, image: Image.Image, centres: np.ndarray, plan: Distortion) -> tuple[np.ndarray, np.ndarray]:
    """centres: (n, 2) in pixels of the scaled picture -> ((H, W, 3) uint8, the centres where they end up)"""
    size = (plan.width, plan.height)
    if image.size != size:
        image = image.resize(size, rng.choice(_FILTERS))
    if rng.random() < 0.2 * plan.effects and plan.steepest > math.radians(0.3):
        angle = rng.uniform(-plan.steepest, plan.steepest)
        image = image.rotate(math.degrees(angle), Image.Resampling.BICUBIC, fillcolor=plan.background)
        centres = _rotated(centres, angle, size)
    if rng.random() < 0.2 * plan.effects:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    pixels = np.asarray(image)
    if rng.random() < 0.35 * plan.effects:
        pixels = _shaded(rng, pixels)
    return (_as_jpeg(rng, pixels) if rng.random() < 0.2 * plan.effects else pixels), centres


def _rotated(centres: np.ndarray, angle: float, size: tuple[int, int]) -> np.ndarray:
    """Counter-clockwise on the screen, about the middle."""
    middle = np.array(size, np.float32) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    return ((centres - middle) @ np.array([[cos, -sin], [sin, cos]], np.float32) + middle).astype(np.float32)


def _shaded(rng: Random, pixels: np.ndarray) -> np.ndarray:
    """Uneven light and noise."""
    height, width, _ = pixels.shape
    shaded = pixels.astype(np.float32)
    if rng.random() < 0.3:
        shaded *= np.linspace(rng.uniform(0.75, 1), rng.uniform(0.75, 1), width, dtype=np.float32)[:, None]
        shaded *= np.linspace(rng.uniform(0.85, 1), rng.uniform(0.85, 1), height, dtype=np.float32)[:, None, None]
    else:
        noise = np.random.default_rng(rng.getrandbits(32))
        channels = rng.choice((1, 3))
        shaded += noise.standard_normal((height, width, channels), np.float32) * rng.uniform(1, 11)
    return np.clip(shaded, 0, 255).astype(np.uint8)


def _as_jpeg(rng: Random, pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=rng.randint(30, 92), subsampling=rng.choice((0, 2)))
    return np.asarray(Image.open(file))
