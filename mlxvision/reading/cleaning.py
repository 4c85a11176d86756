"""A strip made plain: white ground, dark ink, and nothing of rules, borders or the lines above and below."""

from __future__ import annotations

import numpy as np

from mlxvision.reading.components import Components, find_components
from mlxvision.reading.strip import Frame

__all__ = ["clean", "contrast_grey"]

_INK, _GROUND = 55, 200  # room on both sides for what is darker or lighter than usual
_DARKEST = 25
_MANY = 30_000  # values, enough to know two colours
_SHADE_EM = 1.5  # within this width, light falls evenly


def contrast_grey(pixels: np.ndarray, text: np.ndarray) -> np.ndarray:
    """pixels: (H, W, 3) uint8 -> (H, W) uint8: how far each colour is on the way from the ink's to the ground's.

    text: (h, W, 3) uint8, the part of it that tells ink and ground, by their being few and many.
    """
    sparse = max(1, text.size // _MANY)
    ink, ground = _two_colours(text.reshape(-1, 3)[::sparse].astype(np.float32))
    way = ground - ink
    share = (pixels - ink) @ way / max(float(way @ way), 1.0)
    return np.clip(_INK + (_GROUND - _INK) * share, 0, 255).astype(np.uint8)


def _two_colours(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The usual colours of ink and ground: those of the rarer and the commoner of dark and light."""
    light = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = (light.min() + light.max()) / 2
    for _ in range(3):
        darker = light <= middle
        if darker.all():
            break
        middle = (light[darker].mean() + light[~darker].mean()) / 2
    darker = light <= middle
    low, high = (np.median(colours[part], 0) if part.any() else colours.mean(0) for part in (darker, ~darker))
    return (high, low) if darker.mean() > 0.5 else (low, high)


def clean(strip: np.ndarray, frame: Frame, room: tuple[float, float]) -> np.ndarray:
    """strip: (h, w) uint8, dark on light -> the same with a white ground.

    room: how far above and below the baseline, in em, the line's own ink can begin.
    """
    plain = _flatten(strip, frame)
    darkness = 140 - plain.astype(np.int16)
    found = find_components(darkness)
    foreign = found.dark & _foreign(found, frame, room)
    if not foreign.any():
        return plain
    lengths = np.diff(found.starts, append=strip.size)
    erased = np.repeat(foreign[found.labels], lengths).reshape(strip.shape)
    kept = (darkness > 0) & ~erased
    return np.where(_grown(erased) & ~_grown(kept) | erased, np.uint8(255), plain)


def _flatten(strip: np.ndarray, frame: Frame) -> np.ndarray:
    """Ground to white, each stretch of the strip by its own, and ink to nearly black."""
    values = strip.astype(np.float32)
    light = values > (_INK + _GROUND) / 2
    width = round(_SHADE_EM * frame.em_px)
    centres, grounds = [], []
    for first in range(0, strip.shape[1], width):
        part, plain = values[:, first : first + width], light[:, first : first + width]
        if plain.mean() > 0.2:
            centres.append(first + part.shape[1] / 2)
            grounds.append(np.median(part[plain]))
    ground = np.interp(np.arange(strip.shape[1]), centres, grounds) if centres else np.full(strip.shape[1], 255.0)
    depth = ground - values
    base = round(frame.above_px)
    deepest = depth[base - round(0.6 * frame.em_px) : base].max(0)
    ink = np.median(deepest[deepest >= 0.5 * np.percentile(deepest, 98)])
    return np.clip(255 - depth * ((255 - _DARKEST) / max(float(ink), 1.0)), 0, 255).astype(np.uint8)


def _foreign(found: Components, frame: Frame, room: tuple[float, float]) -> np.ndarray:
    """(C,) bool: neighbours' ink, rules and borders."""
    em, height = frame.em_px, frame.height
    top, bottom = (frame.above_px - found.top) / em, (found.bottom - frame.above_px) / em
    width, tall = found.width / em, found.height / em
    above = (-bottom > room[0]) | ((found.top == 0) & (-bottom > 0.55))
    below = (-top > room[1]) | ((found.bottom == height) & (-top > 0.1))
    rule = (width > 3) & (tall < 0.25) & ((-bottom > 0.8) | (-top > 0.18))
    through = (found.top == 0) & (found.bottom == height)
    border = (found.area < 0.25 * found.width * found.height) & (width > 1.5) & (tall > 1.2)
    upright = through & (width < 0.5)
    return above | below | rule | upright | border


def _grown(mask: np.ndarray) -> np.ndarray:
    """One pixel more on all sides."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
