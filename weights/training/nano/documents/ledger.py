"""Rows with something at the left and an amount at the right, as on receipts and bills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from training.nano.documents.sheet import LARGEST_PX, Sheet
from training.nano.documents.style import SIZES, Style, near
from training.nano.fonts import Font

_INNER = 0.72  # of the width: where the third column ends
_ROOM_PX = LARGEST_PX - 100


class Row(NamedTuple):
    """left, inner, right, middle: texts. scale: against the usual size. fill: drawn from edge to edge, or "rule"."""

    left: str = ""
    right: str = ""
    inner: str = ""
    middle: str = ""
    scale: float = 1
    strong: bool = False
    fill: str = ""


class Look(NamedTuple):
    """pitch: between baselines, in sizes. leader: fills the gap before an amount. gap: at least so wide, in sizes."""

    pitch: float
    leader: str
    gap: float


def measure(style: Style, rows: Sequence[Row], look: Look, size: float) -> tuple[float, float]:
    """(width, height) of the rows in pixels."""
    width = max(_width(_font(style, row, size), row, look.gap * size) for row in rows)
    return width, sum(row.scale for row in rows) * look.pitch * size


def fitting(style: Style, rows: Sequence[Row], look: Look, size: float) -> int:
    """The wished size, or the largest at which the rows fit on a sheet."""
    size = near(size)
    while size > SIZES[0] and max(measure(style, rows, look, size)) > _ROOM_PX:
        size = near(size - 1)
    return size


def write(sheet: Sheet, rows: Sequence[Row], look: Look, size: float, place: tuple[float, float, float]) -> float:
    """place: left, top and right edge. -> the bottom"""
    left, y, right = place
    for row in rows:
        font = _font(sheet.style, row, size)
        y += look.pitch * row.scale * size
        baseline = y - 0.25 * look.pitch * font.size
        if row.fill == "rule":
            sheet.rule(left, right, baseline - 0.3 * size, width=1 + (size > 22))
        elif row.fill:
            sheet.write(left, baseline, row.fill * int((right - left) / font.width(row.fill)), font)
        _write_row(sheet, row, font, look.leader, (left, baseline, right))
    return y


def _write_row(sheet: Sheet, row: Row, font: Font, leader: str, place: tuple[float, float, float]) -> None:
    left, baseline, right = place
    sheet.write((left + right) / 2, baseline, row.middle, font, align=0.5)
    end = sheet.write(left, baseline, row.left, font)
    sheet.write(left + _INNER * (right - left), baseline, row.inner, font, align=1)
    sheet.write(right, baseline, row.right, font, align=1)
    dots = int((right - font.width(row.right) - end - font.size) / font.width(leader)) if leader else 0
    if dots > 2 and row.left and row.right and not row.inner:
        sheet.write(end + font.size / 2, baseline, leader * dots, font)


def _font(style: Style, row: Row, size: float) -> Font:
    return (style.bold if row.strong else style.font)(size * row.scale)


def _width(font: Font, row: Row, gap: float) -> float:
    if row.inner:
        return max((font.width(row.left + row.inner) + gap) / _INNER, (font.width(row.right) + gap) / (1 - _INNER))
    return max(font.width(row.middle), font.width(row.left + row.right) + (gap if row.right else 0))
