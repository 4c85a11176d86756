"""A sheet to write on: it knows its font, colours and free space, and remembers what stands where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from training.nano.effects import Distortion, distort
from training.nano.fonts import Face, font
from training.nano.sample import Canvas, Sample, Source

Colour = tuple[int, int, int]

_SMALLEST_PX, _USUAL_PX, _LARGEST_PX = 9, 13.5, 26
_X_HEIGHT = 0.3  # of the font's size: how far above the baseline the middle of a small letter lies
_REQUESTS = ("OCR", "OCR", "OCR", "Read the text.", "Read the text.", "What does it say?")


class Page:
    """Drawn `scale` times larger than the canvas, so that text also comes from larger and smaller pictures.

    width, height, size_px, and all positions are in pixels of this larger sheet.
    """

    def __init__(self, rng: Random, source: Source, canvas: Canvas, *, lines: int = 1, mono: bool = False) -> None:
        self.rng, self.source, self.canvas = rng, source, canvas
        self.scale = _scale(rng, source.effects, canvas)
        self.width, self.height = round(canvas.width * self.scale), round(canvas.height * self.scale)
        self.background, self.ink_colour = _colours(rng, source.effects)
        self.image = Image.new("RGB", (self.width, self.height), self.background)
        self.draw = ImageDraw.Draw(self.image)
        self.font = font(_face(rng, source.faces, mono), self._font_size(lines))
        self.margin = round(rng.choice((1, 2, 3, 4, 6, 8)) * self.scale)
        self.pitch = self.font.size * rng.triangular(1.05, 1.9, 1.25)
        self.baseline = 0.0
        self._text: list[str] = []
        self._centres: list[tuple[float, float]] = []
        self._ink = [self.height, 0]

    def _font_size(self, lines: int) -> int:
        largest = min(_LARGEST_PX, 0.8 * self.canvas.height / max(1, 1.25 * (lines - 1)))
        usual = min(_USUAL_PX, 0.8 * largest)
        size = self.rng.triangular(min(_SMALLEST_PX, usual), min(largest, 18), usual)
        if self.rng.random() < 0.2 * self.source.effects:
            size = self.rng.uniform(min(_SMALLEST_PX - 1, largest), largest)
        return max(6, round(size * self.scale))

    @property
    def room(self) -> float:
        """Between the margins."""
        return self.width - 2 * self.margin

    def fits(self, text: str) -> bool:
        return self.font.width(text) <= self.room

    def fill(self, tokens: Sequence[str] | Callable[[Random], str], most: int) -> str:
        """Tokens side by side until the line is full or has `most` of them."""
        line, width = "", 0.0
        for i in range(most if callable(tokens) else min(most, len(tokens))):
            token = tokens(self.rng) if callable(tokens) else tokens[i]
            if not self.font.face.prints(token):
                continue
            token = f" {token}" if line else token
            width += self.font.width(token)
            if width > self.room:
                return line or self.cut(token)
            line += token
        return line

    def cut(self, text: str) -> str:
        """As much of the text as fits."""
        while text and not self.fits(text):
            text = text[:-1]
        return text.rstrip()

    def place_one(self, text: str) -> bool:
        """A single line somewhere on the page."""
        if not text or not self.fits(text):
            return False
        top, bottom = self.font.ink(text)
        if bottom - top > self.height:
            return False
        self.baseline = self.rng.uniform(-top, self.height - bottom)
        spare = self.width - self.font.width(text)
        x = min(spare, self.margin) if self.rng.random() < 0.6 else self.rng.uniform(0, spare)
        return self.write([(x, text)])

    def start(self) -> None:
        """Put the first baseline near the top."""
        self.baseline = self.font.size * self.rng.uniform(0.85, 1.3)

    def feed(self, lines: float = 1) -> None:
        self.baseline += self.pitch * lines

    def write(self, segments: Sequence[tuple[float, str]], colour: Colour | None = None) -> bool:
        """One line of texts at their left edges; False, and nothing written, where its ink would leave the page."""
        text = " ".join(segment for _, segment in segments)
        if not text.strip() or not self.font.face.prints(text):
            return False
        baseline = round(self.baseline)
        top, bottom = self.font.ink(text)
        if baseline + top < 0 or baseline + bottom > self.height:
            return False
        if self._text:
            self._centres.append(self._centres[-1])  # the line break
        for i, (x, segment) in enumerate(segments):
            if i:
                self._centres.append(self._centres[-1])
            self._write_segment(x, baseline, segment, colour or self.ink_colour)
        self._text.append(text)
        self._ink = [min(self._ink[0], baseline + top), max(self._ink[1], baseline + bottom)]
        return True

    def _write_segment(self, x: float, baseline: int, text: str, colour: Colour) -> None:
        self.draw.text((x, baseline), text, fill=colour, font=self.font.pil, anchor="ls")
        y = baseline - _X_HEIGHT * self.font.size
        for character in text:
            advance = self.font.measure(character)[0]
            self._centres.append((x + advance / 2, y))
            x += advance

    def read(self) -> Sample | None:
        """The page as a picture with the request to read it; None if nothing is on it."""
        if not self._text:
            return None
        slack = min(self._ink[0], self.height - self._ink[1]) / self.scale
        steepest = min(math.radians(3), max(0, slack) / (self.canvas.width / 2))
        plan = Distortion(self.canvas.height, self.canvas.width, self.background, steepest, self.source.effects)
        picture, centres = distort(self.rng, self.image, np.array(self._centres, np.float32) / self.scale, plan)
        return Sample(picture, (self.rng.choice(_REQUESTS),), "\n".join(self._text), centres)


def _face(rng: Random, faces: Sequence[Face], mono: bool) -> Face:
    """Designs are equally likely, however many files they have."""
    candidates = [face for face in faces if face.mono] if mono else faces
    design = rng.choice(sorted({face.design for face in candidates}))
    return rng.choice([face for face in candidates if face.design == design])


def _scale(rng: Random, effects: float, canvas: Canvas) -> float:
    if rng.random() > 0.45 * effects:
        return 1.0
    largest = 3 if canvas.height < 64 else 2
    return rng.uniform(1, largest) if rng.random() < 0.6 else rng.uniform(0.7, 1)


def _colours(rng: Random, effects: float) -> tuple[Colour, Colour]:
    """(background, ink), light on dark or dark on light, never too close to each other."""
    style = rng.random() if effects else 0.0
    if style < 0.5:
        pale, dark = rng.randint(215, 255), rng.randint(0, 90)
        ground, ink = (pale, pale, pale), (dark, dark, dark)
    elif style < 0.65:
        ground, ink = _tint(rng, 190, 255), _tint(rng, 0, 140)
    else:
        ground, ink = _tint(rng, 0, 255), _tint(rng, 0, 255)
    if rng.random() < 0.2:
        ground, ink = ink, ground
    least = 40 if rng.random() < 0.3 * effects else 90
    return (ground, ink) if abs(_luminance(ground) - _luminance(ink)) >= least else _colours(rng, effects)


def _tint(rng: Random, low: int, high: int) -> Colour:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _luminance(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
