"""What happens to a picture between the program that drew it and the reader."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageFilter

_CORNERS = np.array(((0, 0), (1, 0), (1, 1), (0, 1)), np.float64)
_SMALLEST_PX, _LARGEST_PX, _FIELD_PX = 150, 1100, 512


def photograph(
    rng: Random, image: Image.Image, boxes: np.ndarray, effects: float, *, true_colours: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """As a camera or a poor copy shows it; boxes: (n, 4) -> ((H, W, 3) uint8, boxes around where the same things are)

    true_colours: a red thing stays red, and white stays white.
    """
    if rng.random() < 0.35 * effects:
        corner = image.crop((0, 0, 1, 1)).tobytes()
        table = tuple(corner) if true_colours or rng.random() < 0.5 else (rng.randint(0, 255),) * 3
        image, boxes = _tilted(rng, image, boxes, table)
    if rng.random() < 0.2 * effects:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.2, 0.7)))
    if rng.random() < 0.25 * effects and not true_colours:
        image = ImageChops.multiply(image, _light(rng, image.size))
    if rng.random() < 0.3 * effects and not true_colours:
        image = image.point(_tones(rng))
    if rng.random() < 0.25 * effects:
        image = ImageChops.add(image, _noise(rng, image.size), offset=-128)
    pixels = np.asarray(image)
    return (_as_jpeg(rng, pixels) if rng.random() < 0.25 * effects else pixels), boxes


def _tilted(
    rng: Random, image: Image.Image, boxes: np.ndarray, table: tuple[int, ...]
) -> tuple[Image.Image, np.ndarray]:
    """Lying on a table and seen a little from aside."""
    corners = _CORNERS * image.size
    skew, angle = rng.choice((0.0, 0.02, 0.045)), math.radians(rng.uniform(-3, 3))
    cos, sin = math.cos(angle), math.sin(angle)
    moved = corners + np.array([rng.uniform(-skew, skew) for _ in range(8)]).reshape(4, 2) * image.size
    moved = moved @ np.array(((cos, -sin), (sin, cos))) * rng.uniform(0.85, 1.1)
    moved -= moved.min(0)
    edge = rng.choice((0.0, 0.0, rng.uniform(0, 0.08))) * moved.max(0)
    moved = (moved + edge) * min(1, _LARGEST_PX / (moved.max(0) + 2 * edge).max())
    width, height = np.clip(np.ceil(moved.max(0) + moved.min(0)), _SMALLEST_PX, _LARGEST_PX).astype(int).tolist()
    back = _homography(moved, corners)
    coefficients = back.ravel()[:8].tolist()
    image = image.transform(
        (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR, fillcolor=table
    )
    left, top, right, bottom = boxes.T
    quads = np.stack((left, top, right, top, right, bottom, left, bottom), 1).reshape(-1, 2)
    seen = np.column_stack((quads, np.ones(len(quads)))) @ np.linalg.inv(back).T
    points = (seen[:, :2] / seen[:, 2:]).reshape(-1, 4, 2)
    around = np.concatenate((points.min(1), points.max(1)), 1)
    return image, np.clip(around, 0, (width, height, width, height)).astype(np.float32)


def _homography(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The (3, 3) projection that carries four points to four others."""
    rows = []
    for (x, y), (u, v) in zip(start, end, strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
    return np.append(np.linalg.solve(np.array(rows), end.ravel()), 1).reshape(3, 3)


def _light(rng: Random, size: tuple[int, int]) -> Image.Image:
    """Brighter here than there."""
    low = rng.randint(140, 225)
    spots = Image.new("L", (3, 3))
    spots.putdata([rng.randint(low, 255) for _ in range(9)])
    light = spots.resize(size, Image.Resampling.BICUBIC)
    return Image.merge("RGB", (light, light, light))


def _tones(rng: Random) -> list[int]:
    """A table of less contrast and a slight tint."""
    darkest, span = rng.randint(0, 70), rng.randint(130, 185)
    table: list[int] = []
    for _ in range(3):
        start = darkest + rng.randint(-10, 10)
        table += [min(255, max(0, start + value * span // 255)) for value in range(256)]
    return table


def _noise(rng: Random, size: tuple[int, int]) -> Image.Image:
    """One field again and again, because it is slow to make."""
    field, noise = _noise_field(rng.choice((3, 6, 10)), rng.choice((True, False))), Image.new("RGB", size)
    for x in range(-rng.randrange(_FIELD_PX), size[0], _FIELD_PX):
        for y in range(-rng.randrange(_FIELD_PX), size[1], _FIELD_PX):
            noise.paste(field, (x, y))
    return noise


@lru_cache
def _noise_field(strength: int, coloured: bool) -> Image.Image:
    noise = np.random.default_rng(strength).standard_normal((_FIELD_PX, _FIELD_PX, 3), np.float32) * strength + 128
    field = np.clip(noise if coloured else noise[..., :1].repeat(3, 2), 0, 255).astype(np.uint8)
    return Image.fromarray(field)


def _as_jpeg(rng: Random, pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=rng.randint(30, 92), subsampling=rng.choice((0, 2)))
    return np.asarray(Image.open(file))
