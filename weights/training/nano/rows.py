"""Rows of text as the reading plan lays them out: one height, dark on white, the baseline near one line.

The estimates of a plan err: size, baseline, slope, ground and ink vary here as much as they do there, and a little
more.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.nano.fonts import Face, Font, font
from training.nano.model import PATCH, ROW_PATCHES
from training.nano.sample import Row, Sample, Source
from training.nano.texts import GAP, MIXTURE, MONO
from training.nano.words import Words

ROW_PX, EM_PX, BASELINE_PX = ROW_PATCHES * PATCH, 16, 17.5
_FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)

Kinds = Mapping[Callable[[Random, Words], str], float]


class _Setting(NamedTuple):
    """How a row is set: all in pixels of the picture it comes from, which is `scale` times larger than the row."""

    font: Font
    scale: float
    tracking: float
    blank: float
    gap: float


def draw_row(rng: Random, source: Source, width: int, kinds: Kinds = MIXTURE) -> Row:
    """One row that shows as much of a text as fits."""
    while True:
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        face = _face(rng, source.faces, mono=kind in MONO)
        setting = _set(rng, source, face)
        text = "".join(c for c in kind(rng, source.words) if c == GAP or face.prints(c)).strip()
        left = rng.uniform(0.5, 3.5)
        text, lefts = _place(text, setting, left * setting.scale, (width - 1) * setting.scale)
        if text:
            break
    advances = np.array([setting.font.measure(c)[0] if c != GAP else setting.gap for c in text])
    pixels = _print(rng, source.effects, text, lefts, setting, width)
    return Row(pixels, text.replace(GAP, " "), (lefts + advances / 2) / setting.scale)


def stack(rows: Sequence[Row], n_rows: int, width: int) -> Sample:
    """Rows on a canvas of n_rows, white below."""
    canvas = np.full((n_rows * ROW_PX, width, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        canvas[i * ROW_PX : (i + 1) * ROW_PX] = row.pixels if row.thing else row.pixels[..., None]
    return Sample(canvas, rows=tuple(rows))


def _face(rng: Random, faces: tuple[Face, ...], *, mono: bool) -> Face:
    """Designs are equally likely, however many files they have."""
    candidates = [face for face in faces if face.mono] if mono else faces
    design = rng.choice(sorted({face.design for face in candidates}))
    return rng.choice([face for face in candidates if face.design == design])


def _set(rng: Random, source: Source, face: Face) -> _Setting:
    em = EM_PX * (rng.uniform(0.84, 1.16) if rng.random() < 0.5 * source.effects else rng.uniform(0.94, 1.06))
    printed = font(face, round(rng.triangular(9, 36, 14) if source.effects else rng.choice((14, 16, 16, 20, 24))))
    blank = printed.measure(" ")[0] * (rng.uniform(0.75, 1.7) if rng.random() < 0.15 * source.effects else 1)
    tracking = printed.size * rng.uniform(-0.02, 0.12) if rng.random() < 0.12 * source.effects else 0
    return _Setting(printed, printed.em / em, tracking, blank, printed.size * rng.uniform(0.7, 1.4))


def _place(text: str, setting: _Setting, left: float, right: float) -> tuple[str, np.ndarray]:
    """As much of the text as ends left of `right`, and the left edge of each of its characters."""
    lefts, x = [], left
    for i, character in enumerate(text):
        advance = {" ": setting.blank, GAP: setting.gap}.get(character) or setting.font.measure(character)[0]
        if x + advance > right:
            text = text[:i]
            break
        lefts.append(x)
        x += advance + setting.tracking
    text = text.rstrip()
    return text, np.array(lefts[: len(text)])


def _print(rng: Random, effects: float, text: str, lefts: np.ndarray, setting: _Setting, width: int) -> np.ndarray:
    """-> (ROW_PX, width) uint8"""
    ground = rng.randint(235, 255) if rng.random() < 0.5 * effects else 255
    ink = rng.randint(0, 90) if rng.random() < 0.6 * effects else rng.randint(0, 40)
    image = Image.new("L", (round(width * setting.scale), round(ROW_PX * setting.scale)), ground)
    drawing = ImageDraw.Draw(image)
    baseline = (BASELINE_PX + rng.uniform(-1.6, 1.6) * (0.3 + 0.7 * effects)) * setting.scale
    if rng.random() < 0.06 * effects:
        _poke(rng, drawing, image.size, setting.font, ink)
    printed = setting.font.shaped if rng.random() < 0.3 * effects else setting.font.pil
    for x, piece in _pieces(text, lefts, whole_words=not setting.tracking):
        drawing.text((x, round(baseline)), piece, fill=ink, font=printed, anchor="ls")
    if rng.random() < 0.08 * effects:
        _rule(rng, drawing, image.size, baseline, ink)
    image = _worn(rng, effects, image)
    return np.asarray(_fitted(rng, effects, image, width))


def _pieces(text: str, lefts: np.ndarray, *, whole_words: bool) -> list[tuple[float, str]]:
    """What is drawn at once: words, or single characters."""
    pieces: list[tuple[float, str]] = []
    for i, character in enumerate(text):
        if character in (" ", GAP):
            continue
        if whole_words and i and text[i - 1] not in (" ", GAP):
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + character)
        else:
            pieces.append((float(lefts[i]), character))
    return pieces


def _poke(rng: Random, drawing: ImageDraw.ImageDraw, size: tuple[int, int], printed: Font, ink: int) -> None:
    """Ends of a neighbour line's letters."""
    width, height = size
    y = rng.choice((-0.1, 0.02, 0.05)) * height if rng.random() < 0.5 else height * rng.uniform(1.48, 1.6)
    drawing.text(
        (rng.uniform(0, width / 2), y), rng.choice(("gypq", "dlkthb", "pg", "Hb", "gj")), ink, printed.pil, "ls"
    )


def _rule(rng: Random, drawing: ImageDraw.ImageDraw, size: tuple[int, int], baseline: float, ink: int) -> None:
    """An underline, an edge of a box or of a cell."""
    width, height = size
    thick = max(1, round(height / 24 * rng.uniform(0.5, 1.2)))
    place = rng.random()
    if place < 0.45:
        y = baseline + height * rng.uniform(0.07, 0.12)
        drawing.line((0, y, width * rng.uniform(0.3, 1), y), ink, thick)
    elif place < 0.8:
        y = rng.choice((0, 1, height - 1, height - 2))
        drawing.line((0, y, width, y), ink, thick)
    else:
        x = rng.choice((0, width - 1))
        drawing.line((x, 0, x, height), ink, thick)


def _worn(rng: Random, effects: float, image: Image.Image) -> Image.Image:
    """What happens to a picture before it is read: blur, noise, JPEG."""
    if rng.random() < 0.2 * effects:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.055 * image.height)))
    if rng.random() < 0.2 * effects:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((image.height, image.width), np.float32)
        worn = np.asarray(image, np.float32) + noise * rng.uniform(2, 22)
        image = Image.fromarray(np.clip(worn, 0, 255).astype(np.uint8))
    if rng.random() < 0.15 * effects:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=rng.randint(30, 92))
        image = Image.open(file)
    return image


def _fitted(rng: Random, effects: float, image: Image.Image, width: int) -> Image.Image:
    """Scaled to the row; sometimes not quite level."""
    size = (width, ROW_PX)
    if rng.random() > 0.15 * effects:
        return image.resize(size, rng.choice(_FILTERS))
    slope = rng.uniform(-1.5, 1.5) / width * image.width / image.height * ROW_PX / ROW_PX
    centre = image.width / 2
    level = image.transform(
        image.size, Image.Transform.AFFINE, (1, 0, 0, slope * ROW_PX / width, 1, -slope * centre * ROW_PX / width),
        Image.Resampling.BICUBIC, fillcolor=255,
    )  # fmt: skip
    return level.resize(size, rng.choice(_FILTERS))
