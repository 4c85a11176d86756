"""Bars with their names and, mostly, their values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import NamedTuple

from training.nano.documents import names, topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.questions import Pair, Topic, ask, called, counted, joined, miss, mixed
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import NAMED, Colour, Style, blend, luminance, near, shade
from training.nano.sample import Thing
from training.nano.words import Words

_VALUE = Topic("{}", (
    "What is the value of {}?", "How much is {}?", "What value does {} have?", "value of {}?", "{}?", "What is {} at?",
    "How high is the {} bar?", "What number does the {} bar show?", "Read the value of {}.", "How many {}?",
))  # fmt: skip
_SMALLEST = Topic("bar", (
    "Which bar is the smallest?", "Which is the smallest?", "What is the shortest bar?", "smallest bar?",
    "Which category has the lowest value?", "What has the smallest value?", "Which one is the least?",
), key="smallest")  # fmt: skip
_COUNT = Topic("bar", (
    "How many bars are there?", "number of bars?", "How many bars does the chart have?", "Count the bars.",
    "How many categories are there?", "how many bars", "What is the number of bars?",
), key="number")  # fmt: skip
_COLOUR = Topic("{}", (
    "What colour is the {} bar?", "What color is the {} bar?", "colour of {}?", "color of {}?",
    "Which colour does {} have?", "In which colour is {} drawn?", "What is the color of the {} bar?",
))  # fmt: skip
_NAMES = Topic("bar", (
    "What are the categories?", "Which categories are there?", "List the bars.", "What do the bars stand for?",
    "Which bars are there?", "categories?", "Name the bars.",
))  # fmt: skip

_TITLES = (
    "Sales", "Revenue", "Visitors", "Units sold", "Votes", "Population", "Rainfall", "Orders", "Downloads", "Costs",
    "Temperature", "Survey", "Profit", "Exports", "Users", "Scores", "Budget", "Energy use", "Umsatz", "Ventes",
    "Doanh thu",
)  # fmt: skip
_SERIES = (
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), ("Q1", "Q2", "Q3", "Q4"),
    ("2018", "2019", "2020", "2021", "2022", "2023", "2024", "2025"), ("A", "B", "C", "D", "E", "F", "G", "H"),
    ("North", "South", "East", "West"),
)  # fmt: skip
_APART = 0.06  # of the largest value: so far are all values apart, so that the eye can tell


class Bar(NamedTuple):
    name: str
    value: int
    colour: str


@dataclass(frozen=True, slots=True)
class Chart:
    """unit: of the values, as printed before or after them. shown: whether values are printed. coins: their decimals.

    stranger: a name that no bar has.
    """

    title: str
    bars: tuple[Bar, ...]
    unit: str
    coins: int
    shown: bool
    stranger: str

    @property
    def largest(self) -> Bar:
        return max(self.bars, key=lambda bar: bar.value)

    def printed(self, value: int) -> str:
        number = f"{value / 10**self.coins:.{self.coins}f}"
        return self.unit + number if self.unit in ("$", "€", "£") else number + self.unit

    def words(self, bar: Bar) -> tuple[str, ...]:
        """What is printed for a bar."""
        return (bar.name, self.printed(bar.value)) if self.shown else (bar.name,)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return ()

    def questions(self, rng: Random) -> list[Pair]:
        least = min(self.bars, key=lambda bar: bar.value).name
        here = [
            ask(rng, topics.LARGEST_BAR, self.largest.name, at="largest"),
            ask(rng, _SMALLEST, least, at="smallest"),
            ask(rng, _COUNT, len(self.bars)),
        ]
        here.append(ask(rng, _NAMES, joined([bar.name for bar in self.bars])))
        here += [ask(rng, _COLOUR, bar.colour, called(rng, bar.name)) for bar in rng.sample(self.bars, 2)]
        here += [ask(rng, topics.TITLE, self.title)] if self.title else []
        for bar in self.bars if self.shown else ():
            here.append(ask(rng, _VALUE, self.printed(bar.value), called(rng, bar.name)))
        missing = [miss(rng, topic, called(rng, self.stranger)) for topic in (_VALUE, _COLOUR, _VALUE)]
        missing += topics.strangers(rng, topics.LARGEST_BAR, topics.TITLE)
        return mixed(rng, here, missing if self.title else [*missing, miss(rng, topics.TITLE)])

    def describe(self) -> str:
        titled = f" titled {self.title}" if self.title else ""
        value = f" with {self.printed(self.largest.value)}" if self.shown else ""
        count = counted(len(self.bars), "bar")
        return f"A bar chart{titled} with {count}. The largest is {self.largest.name}{value}."


def invent(rng: Random, words: Words) -> Chart:
    count = rng.randint(2, 8)
    series = [series for series in _SERIES if len(series) > count]
    if rng.random() < 0.35 and series:
        all_names = rng.choice(series)
        start = rng.randint(0, len(all_names) - count - 1)
        stranger, *found = [*all_names[start + count :][:1], *all_names[start : start + count]]
    else:
        stranger, *found = names.products(rng, words, rng.choice(("English", *names.LANGUAGES)), count + 1)
    colours = [name for name in NAMED if name != "white"]
    palette = rng.sample(colours, count) if rng.random() < 0.5 else [rng.choice(colours)] * count
    title = rng.choice((rng.choice(_TITLES), f"{names.plain(rng, words)} {rng.choice(_TITLES).lower()}"))
    return Chart(
        title=title if rng.random() < 0.75 else "",
        bars=tuple(Bar(*bar) for bar in zip(found, _values(rng, count), palette, strict=True)),
        unit=rng.choice(("", "", "", "", "%", "$", "€", "k", " kg", " km")),
        coins=rng.choice((0, 0, 0, 1)),
        shown=rng.random() < 0.75,
        stranger=stranger,
    )


def _values(rng: Random, count: int) -> list[int]:
    """Different enough for the eye."""
    high = rng.choice((20, 50, 99, 99, 500, 1500, 9000))
    while True:
        values = [rng.randint(max(1, high // 12), high) for _ in range(count)]
        ordered = sorted(values)
        if min(b - a for a, b in pairwise(ordered)) >= _APART * ordered[-1]:
            return values


class _Area(NamedTuple):
    """Where the bars are."""

    left: float
    top: float
    right: float
    bottom: float


def lay_out(rng: Random, style: Style, chart: Chart) -> Sheet:
    size = near(rng.triangular(11, 26, 15))
    font, head = style.font(size), near(size * rng.choice((1, 1.3, 1.7)))
    widest = max(font.width(bar.name) for bar in chart.bars)
    upright = rng.random() < 0.6 and widest < 110
    slot = (widest if upright else size) * rng.uniform(1.15, 1.8) + (size if upright else 0.5 * size)
    along, extent = slot * len(chart.bars), rng.uniform(8, 18) * size
    margin = size * rng.uniform(1, 2.5)
    above = (2.2 * head if chart.title else 0) + margin
    number = font.width(chart.printed(chart.largest.value)) + size
    if upright:
        width, height = max(along, 150) + 2 * margin, extent + above + 3 * size + margin
    else:
        width, height = widest + extent + number + size + 2 * margin, along + above + margin
    width = max(width, style.bold(head).width(chart.title) + 2 * margin)
    sheet = Sheet(style, width, height)
    if chart.title:
        align = rng.choice((0.5, 0.5, 0))
        edge = margin + align * (sheet.width - 2 * margin)
        sheet.write(edge, margin + 0.8 * head, chart.title, style.bold(head), align=align)
    if upright:
        area = _Area(margin, above + 1.5 * size, sheet.width - margin, sheet.height - margin - 1.5 * size)
    else:
        area = _Area(margin + widest + 0.6 * size, above, sheet.width - margin - number, sheet.height - margin)
    _furnish(rng, sheet, area, upright)
    (_upright if upright else _lying)(rng, sheet, chart, area, size)
    return sheet


def _furnish(rng: Random, sheet: Sheet, area: _Area, upright: bool) -> None:
    """Lines behind the bars, and the axis."""
    faint, lines = blend(sheet.style.paper, sheet.style.ink, 0.15), rng.choice((0, 0, 3, 4, 5))
    for n in range(lines):
        y = area.top + (area.bottom - area.top) * n / lines
        x = area.right - (area.right - area.left) * n / lines
        line = (area.left, y, area.right, y) if upright else (x, area.top, x, area.bottom)
        sheet.draw.line(line, fill=faint)
    if rng.random() < 0.8:
        end = (area.right, area.bottom) if upright else (area.left, area.top)
        sheet.draw.line((area.left, area.bottom, *end), fill=sheet.style.dim, width=rng.randint(1, 2))


def _shades(rng: Random, sheet: Sheet, chart: Chart) -> dict[str, tuple[Colour, Colour | None]]:
    """(fill, outline) of each colour; an outline where the paper is as light as the bar."""
    fills = {bar.colour: shade(rng, bar.colour) for bar in chart.bars}
    paper = luminance(sheet.style.paper)
    return {name: (c, sheet.style.ink if abs(luminance(c) - paper) < 50 else None) for name, c in fills.items()}


def _upright(rng: Random, sheet: Sheet, chart: Chart, area: _Area, size: int) -> None:
    shades, font = _shades(rng, sheet, chart), sheet.style.font(size)
    slot, share = (area.right - area.left) / len(chart.bars), rng.uniform(0.35, 0.85)
    scale = (area.bottom - area.top) / chart.largest.value
    for n, bar in enumerate(chart.bars):
        middle, top = area.left + (n + 0.5) * slot, area.bottom - bar.value * scale
        fill, outline = shades[bar.colour]
        box = (round(middle - share * slot / 2), round(top), round(middle + share * slot / 2), round(area.bottom))
        sheet.draw.rectangle(box, fill=fill, outline=outline)
        sheet.things.append(Thing(bar.colour, "bar", box, bar.value, chart.words(bar)))
        if chart.shown:
            sheet.write(middle, top - 0.3 * size, chart.printed(bar.value), font, align=0.5)
        sheet.write(middle, area.bottom + 1.2 * size, bar.name, font, align=0.5)


def _lying(rng: Random, sheet: Sheet, chart: Chart, area: _Area, size: int) -> None:
    shades, font = _shades(rng, sheet, chart), sheet.style.font(size)
    slot, share = (area.bottom - area.top) / len(chart.bars), rng.uniform(0.4, 0.85)
    scale = (area.right - area.left) / chart.largest.value
    for n, bar in enumerate(chart.bars):
        middle, right = area.top + (n + 0.5) * slot, area.left + bar.value * scale
        fill, outline = shades[bar.colour]
        box = (round(area.left), round(middle - share * slot / 2), round(right), round(middle + share * slot / 2))
        sheet.draw.rectangle(box, fill=fill, outline=outline)
        sheet.things.append(Thing(bar.colour, "bar", box, bar.value, chart.words(bar)))
        sheet.write(area.left - 0.4 * size, middle + 0.35 * size, bar.name, font, align=1)
        if chart.shown:
            sheet.write(right + 0.4 * size, middle + 0.35 * size, chart.printed(bar.value), font)


KIND = Kind(invent, lay_out, coloured=True)
