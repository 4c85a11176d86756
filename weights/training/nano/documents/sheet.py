"""A sheet to write on, which remembers what stands where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from training.nano.documents.style import Colour, Style
from training.nano.fonts import Font
from training.nano.sample import Thing

LARGEST_PX, SMALLEST_PX = 1100, 150
_SEPARATOR = re.compile(r"[-=_*.~#+ ]{6,}")
_SAME_ROW = 0.4  # of the smaller font: so far may the baselines of one row be apart


class _Piece(NamedTuple):
    column: int
    baseline: float
    size: int
    box: tuple[float, float, float, float]
    text: str


class Sheet:
    """All positions are in pixels; columns are read one after the other. ground: the background, where that matters."""

    def __init__(self, style: Style, width: float, height: float) -> None:
        self.style = style
        self.width = min(LARGEST_PX, max(SMALLEST_PX, round(width)))
        self.height = min(LARGEST_PX, max(SMALLEST_PX, round(height)))
        self.image = Image.new("RGB", (self.width, self.height), style.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.column = 0
        self.things: list[Thing] = []
        self.ground = ""
        self._pieces: list[_Piece] = []

    def write(
        self, x: float, baseline: float, text: str, font: Font, *, align: float = 0, colour: Colour | None = None
    ) -> float:
        """align: which part of the text stands at x, from 0 for its left edge to 1 for its right. -> its right edge"""
        width = font.width(text)
        x, baseline = round(x - align * width), round(baseline)
        if text.strip():
            self.draw.text((x, baseline), text, fill=colour or self.style.ink, font=font.pil, anchor="ls")
            top, bottom = font.ink(text)
            box = (x, baseline + top, x + width, baseline + bottom)
            self._pieces.append(_Piece(self.column, baseline, font.size, box, " ".join(text.split())))
        return x + width

    def rule(self, left: float, right: float, y: float, colour: Colour | None = None, width: int = 1) -> None:
        self.draw.line((round(left), round(y), round(right), round(y)), fill=colour or self.style.dim, width=width)

    def crop(self, bottom: float) -> None:
        """Cut off what lies below."""
        self.height = min(self.height, max(SMALLEST_PX, round(bottom)))
        self.image = self.image.crop((0, 0, self.width, self.height))

    def lines(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The rows in reading order and their (n, 4) boxes. Separators such as "-----" are no text."""
        rows: list[list[_Piece]] = []
        for piece in sorted(self._pieces, key=lambda p: (p.column, p.baseline)):
            if rows and _on_one_row(rows[-1][0], piece):
                rows[-1].append(piece)
            else:
                rows.append([piece])
        for row in rows:
            row.sort(key=lambda p: p.box[0])
        rows = [row for row in rows if not all(_SEPARATOR.fullmatch(piece.text) for piece in row)]
        boxes = [_around([piece.box for piece in row]) for row in rows]
        return tuple(" ".join(p.text for p in row) for row in rows), np.array(boxes, np.float32).reshape(-1, 4)


def _on_one_row(first: _Piece, piece: _Piece) -> bool:
    near = piece.baseline - first.baseline < _SAME_ROW * min(piece.size, first.size)
    return near and first.column == piece.column


def _around(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def wrap(font: Font, text: str, width: float) -> list[str]:
    """Lines of whole words; a word that is wider stands alone."""
    lines, used, blank = [""], 0.0, font.width(" ")
    for word in text.split():
        own = font.width(word)
        if lines[-1] and used + blank + own > width:
            lines.append("")
        used = used + blank + own if lines[-1] else own
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
