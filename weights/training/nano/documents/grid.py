"""Rows of cells in columns."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from training.nano.documents.sheet import LARGEST_PX, Sheet
from training.nano.documents.style import SIZES, Style, blend, contrast, near

_ROOM_PX = LARGEST_PX - 100
Cells = Sequence[Sequence[str]]
"""The first row is the head."""


class Look(NamedTuple):
    """pitch: between baselines, in sizes. pad: beside a text, in sizes. lines: "all", "rows", "head" or "".

    filled: the head stands on the accent colour. striped: every other row is tinted. centred: no column is flush left.
    """

    pitch: float
    pad: float
    lines: str
    filled: bool
    striped: bool
    centred: bool


def some_look(rng: Random) -> Look:
    lines, centred = rng.choice(("all", "all", "rows", "head", "")), rng.random() < 0.1
    return Look(rng.uniform(1.35, 2.3), rng.uniform(0.4, 1.4), lines, rng.random() < 0.35, rng.random() < 0.2, centred)


def widths(style: Style, cells: Cells, look: Look, size: float) -> list[float]:
    """Of each column, in pixels."""
    plain, bold, pads = style.font(size), style.bold(size), 2 * look.pad * size
    body = [max(plain.width(row[i]) for row in cells[1:]) for i in range(len(cells[0]))]
    return [max(width, bold.width(name)) + pads for width, name in zip(body, cells[0], strict=True)]


def fitting(style: Style, cells: Cells, look: Look, size: float) -> int:
    """The wished size, or the largest at which the cells fit on a sheet."""
    size = near(size)
    while size > SIZES[0] and max(sum(widths(style, cells, look, size)), len(cells) * look.pitch * size) > _ROOM_PX:
        size = near(size - 1)
    return size


def write(sheet: Sheet, cells: Cells, look: Look, size: int, place: tuple[float, float, float]) -> float:
    """place: left, top, and right edge, to which the first column is stretched. -> the bottom"""
    left, top, right = place
    columns = widths(sheet.style, cells, look, size)
    columns[0] += max(0, right - left - sum(columns))
    right = left + sum(columns)
    height, bottom = look.pitch * size, top + len(cells) * look.pitch * size
    _paint(sheet, look, (left, top, right, bottom), height)
    ends = [left + sum(columns[: i + 1]) for i in range(len(columns))]
    flush = [_is_number(cells[1][i]) for i in range(len(columns))]
    for n, row in enumerate(cells):
        font = sheet.style.font(size) if n else sheet.style.bold(size)
        baseline = top + (n + 0.5) * height + 0.35 * size
        colour = contrast(sheet.style.accent) if look.filled and n == 0 else None
        for text, end, width, number in zip(row, ends, columns, flush, strict=True):
            align = 0.5 if look.centred else 1.0 if number else 0.0
            room = width - 2 * look.pad * size
            sheet.write(end - look.pad * size - room * (1 - align), baseline, text, font, align=align, colour=colour)
    if look.lines == "all":
        for x in (left, *ends):
            sheet.draw.line((round(x), round(top), round(x), round(bottom)), fill=sheet.style.dim)
    return bottom


def _paint(sheet: Sheet, look: Look, box: tuple[float, float, float, float], height: float) -> None:
    """What lies beneath the text, and the lines across."""
    left, top, right, bottom = (round(edge) for edge in box)
    rows = round((bottom - top) / height)
    tint = blend(sheet.style.paper, sheet.style.accent, 0.12)
    for n in range(2, rows, 2) if look.striped else ():
        sheet.draw.rectangle((left, top + n * height, right, top + (n + 1) * height), fill=tint)
    if look.filled:
        sheet.draw.rectangle((left, top, right, top + height), fill=sheet.style.accent)
    across = {"all": range(rows + 1), "rows": range(1, rows + 1), "head": (1,)}.get(look.lines, ())
    for n in across:
        sheet.rule(left, right, top + n * height, width=1 + (look.lines == "head"))


def _is_number(text: str) -> bool:
    return sum(c.isdigit() for c in text) * 2 >= len(text) > 0 and not text[0].isalpha()
