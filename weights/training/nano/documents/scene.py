"""Simple shapes in plain colours, without any text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.questions import Pair, Topic, ask, counted, joined, miss, mixed
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import NAMED, Style, blend, luminance, shade
from training.nano.sample import Thing
from training.nano.words import Words

_COUNT = Topic("shape", (
    "How many shapes are there?", "How many shapes?", "Count the shapes.", "number of shapes?", "how many shapes",
    "How many shapes do you see?", "What is the number of shapes?", "How many objects are there?",
), key="number")  # fmt: skip
_COUNT_SOME = Topic("{}", (
    "How many {} are there?", "How many {}?", "Count the {}.", "number of {}?", "how many {}",
    "How many {} do you see?",
    "How many {} are in the picture?",
))  # fmt: skip
_COLOUR = Topic("{}", (
    "What colour is the {}?", "What color is the {}?", "colour of the {}?", "color of the {}?", "{} color?",
    "Which colour does the {} have?", "What is the color of the {}?", "What is the colour of the {}?",
))  # fmt: skip
_FORM = Topic("{} shape", (
    "What shape is {}?", "Which shape is {}?", "What is the {} shape?", "the {} shape?", "What is {}?",
    "What kind of shape is {}?", "Which {} shape is there?",
))  # fmt: skip
_LARGEST = Topic("shape", (
    "Which shape is the largest?", "What is the largest shape?", "What shape is the biggest?", "largest shape?",
    "Which one is the biggest?", "the biggest shape",
), key="largest")  # fmt: skip
_SMALLEST = Topic("shape", (
    "Which shape is the smallest?", "What is the smallest shape?", "What shape is the tiniest?", "smallest shape?",
    "Which one is the smallest?", "the smallest shape",
), key="smallest")  # fmt: skip
_PLACE = Topic("shape", (
    "What shape is {}?", "Which shape is {}?", "What is {}?", "shape {}?", "What kind of shape is {}?", "what's {}?",
))  # fmt: skip
_IS_THERE = Topic("{}", (
    "Is there a {}?", "Is there a {} in the picture?", "Do you see a {}?", "Can you see a {}?", "a {}?",
    "Does the picture have a {}?", "is a {} there?",
))  # fmt: skip
_GROUND = Topic("background", (
    "What colour is the background?", "What color is the background?", "background color?", "background colour?",
    "Which colour does the background have?", "What is the colour of the ground?",
))  # fmt: skip

SHAPES = ("circle", "square", "triangle", "star", "rectangle", "ellipse", "diamond", "hexagon")
_AREAS = {
    "circle": math.pi, "square": 2.0, "triangle": 1.3, "star": 1.12, "rectangle": 1.6, "ellipse": 1.73, "diamond": 1.2,
    "hexagon": 2.6,
}  # fmt: skip
"""Of each shape in the circle of radius one."""

_GROUNDS = ("white", "white", "black", "gray", "yellow", "blue", "green", "pink")
_CLEARLY = 1.5  # times larger in area
_ASIDE = 0.12  # of the picture: so far away is the next one


class Shape(NamedTuple):
    """x, y, radius: in parts of the picture's width and, for y, its height."""

    kind: str
    colour: str
    x: float
    y: float
    radius: float

    @property
    def area(self) -> float:
        return _AREAS[self.kind] * self.radius**2

    @property
    def name(self) -> str:
        return f"{self.colour} {self.kind}"


@dataclass(frozen=True, slots=True)
class Scene:
    """shapes: from left to right. height: in parts of the width."""

    shapes: tuple[Shape, ...]
    ground: str
    height: float

    @property
    def entries(self) -> tuple[Entry, ...]:
        return ()

    def questions(self, rng: Random) -> list[Pair]:
        here = [ask(rng, _COUNT, len(self.shapes)), ask(rng, _GROUND, self.ground, at="scene")]
        here += self._counts(rng) + self._extremes(rng)
        missing = [*topics.strangers(rng, topics.LEFT_SHAPE), miss(rng, topics.SAYS)]
        for kind in SHAPES:
            alike = [shape for shape in self.shapes if shape.kind == kind]
            if len(alike) == 1:
                here.append(ask(rng, _COLOUR, alike[0].colour, kind))
            elif not alike:
                missing.append(miss(rng, _COLOUR, kind))
        for colour in NAMED:
            alike = [shape for shape in self.shapes if shape.colour == colour]
            if len(alike) == 1:
                here.append(ask(rng, _FORM, alike[0].kind, colour))
            elif not alike and colour != self.ground:
                missing.append(miss(rng, _FORM, colour))
        return mixed(rng, here, missing)

    def _counts(self, rng: Random) -> list[Pair]:
        """How many of a kind, of a colour, of both, and whether there is one."""
        shape, colour = rng.choice(self.shapes), rng.choice(tuple(NAMED))
        kind = rng.choice((shape.kind, rng.choice(SHAPES)))
        colour = rng.choice((shape.colour, colour))
        some = sum(s.kind == kind for s in self.shapes)
        coloured = sum(s.colour == colour for s in self.shapes)
        both = sum(s.kind == kind and s.colour == colour for s in self.shapes)
        there = rng.choice((shape.name, f"{colour} {kind}", kind))
        yes = there in [s.name for s in self.shapes] + [s.kind for s in self.shapes]
        return [
            ask(rng, _COUNT_SOME, some, f"{kind}s", kind if some == 1 else ""),
            ask(rng, _COUNT_SOME, coloured, f"{colour} shapes", colour if coloured == 1 else ""),
            ask(rng, _COUNT_SOME, both, f"{colour} {kind}s", f"{colour} {kind}" if both == 1 else ""),
            _with_article(ask(rng, _IS_THERE, "yes" if yes else "no", there)),
            _with_article(ask(rng, _IS_THERE, "yes", shape.name)),
            _with_article(ask(rng, _IS_THERE, "yes" if both else "no", f"{colour} {kind}")),
        ]

    def _extremes(self, rng: Random) -> list[Pair]:
        """The largest and the smallest, and those at the edges, where that is beyond doubt."""
        here, shapes = [], self.shapes
        if len(shapes) < 2:
            return here
        small, *_, large = sorted(shapes, key=lambda s: s.area)
        by_area = sorted(s.area for s in shapes)
        if by_area[-1] > _CLEARLY * by_area[-2]:
            here += [ask(rng, _LARGEST, large.kind, at="largest")]
            here.append(ask(rng, _COLOUR, large.colour, "largest shape", "largest", "largest"))
        if by_area[1] > _CLEARLY * by_area[0]:
            here += [ask(rng, _SMALLEST, small.kind, at="smallest")]
            here.append(ask(rng, _COLOUR, small.colour, "smallest shape", "smallest", "smallest"))
        edges = {"left": lambda s: -s.x, "right": lambda s: s.x, "top": lambda s: -s.y, "bottom": lambda s: s.y}
        for edge, key in edges.items():
            *_, second, first = sorted(shapes, key=key)
            if key(first) - key(second) > _ASIDE:
                where = f"at the {edge}" if edge in ("top", "bottom") else f"on the {edge}"
                here += [ask(rng, _PLACE, first.kind, where, edge, edge)]
                here.append(ask(rng, _COLOUR, first.colour, f"shape {where}", edge, edge))
                here += [ask(rng, topics.LEFT_SHAPE, first.kind, at=edge)] if edge == "left" else []
        return here

    def describe(self) -> str:
        shapes = joined([f"{_article(s.name)} {s.name}" for s in self.shapes])
        return f"A picture with {counted(len(self.shapes), 'shape')}: {shapes}. The background is {self.ground}."


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _with_article(pair: Pair) -> Pair:
    question = pair.question
    for name in ("orange", "ellipse"):
        question = question.replace(f"a {name}", f"an {name}")
    return pair._replace(question=question)


def invent(rng: Random, words: Words) -> Scene:
    ground, height = rng.choice(_GROUNDS), rng.choice((1.0, 1.0, 0.75, 1.33, 0.6))
    count = rng.randint(1, 8)
    few = rng.sample(SHAPES, rng.randint(1, len(SHAPES)))
    colours = [name for name in NAMED if _differs(name, ground)]
    palette = rng.sample(colours, rng.randint(1, len(colours)))
    largest = rng.uniform(0.1, 0.3) if count < 5 else rng.uniform(0.07, 0.16)
    shapes: list[Shape] = []
    for _ in range(40 * count):
        radius = largest * rng.choice((1, 1, 0.75, 0.55))
        x, y = rng.uniform(radius, 1 - radius), rng.uniform(radius, max(radius, height - radius))
        free = all(math.dist((x, y), (s.x, s.y * height)) > radius + s.radius for s in shapes)
        if y + radius <= height and free and len(shapes) < count:
            shapes.append(Shape(rng.choice(few), rng.choice(palette), x, y / height, radius))
    shapes.sort(key=lambda shape: shape.x)
    return Scene(tuple(shapes), ground, height) if shapes else invent(rng, words)


def _differs(colour: str, ground: str) -> bool:
    if {colour, ground} in ({"orange", "yellow"}, {"pink", "white"}, {"yellow", "white"}, {"purple", "blue"}):
        return False
    return colour != ground


def lay_out(rng: Random, style: Style, scene: Scene) -> Sheet:
    """Drawn twice as large, for smooth edges."""
    width = rng.randint(160, 420) / min(1, scene.height)
    sheet = Sheet(style, width, width * scene.height)
    sheet.ground = scene.ground
    start = shade(rng, scene.ground)
    image = Image.new("RGB", (2 * sheet.width, 2 * sheet.height), start)
    if rng.random() < 0.25:
        ramp = Image.linear_gradient("L").resize(image.size)
        image.paste(shade(rng, scene.ground), (0, 0), ramp)
    draw = ImageDraw.Draw(image)
    edge = blend(start, (0, 0, 0) if luminance(start) > 100 else (255, 255, 255), 0.8) if rng.random() < 0.2 else None
    for shape in scene.shapes:
        fill, middle = shade(rng, shape.colour), (shape.x * image.width, shape.y * image.height)
        outline = _outline(rng, shape, middle, shape.radius * image.width)
        draw.polygon(outline, fill=fill, outline=edge, width=4)
        x, y = zip(*outline, strict=True)
        box = (min(x) / 2, min(y) / 2, max(x) / 2, max(y) / 2)
        sheet.things.append(Thing(shape.colour, shape.kind, box, shape.area))
    sheet.image = image.reduce(2)
    return sheet


def _outline(rng: Random, shape: Shape, middle: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    x, y = middle
    turn = {"circle": 0.0, "diamond": 0.0, "square": 0.0}.get(
        shape.kind, rng.choice((0.0, 0.0, rng.uniform(-0.3, 0.3)))
    )
    points = _points(shape.kind)
    cos, sin = math.cos(turn) * radius, math.sin(turn) * radius
    return [(x + cos * a - sin * b, y + sin * a + cos * b) for a, b in points]


def _points(kind: str) -> list[tuple[float, float]]:
    """Corners in the circle of radius one."""
    if kind == "rectangle":
        return [(-0.9, -0.44), (0.9, -0.44), (0.9, 0.44), (-0.9, 0.44)]
    if kind == "diamond":
        return [(0, -1), (0.6, 0), (0, 1), (-0.6, 0)]
    if kind == "star":
        return [_at(math.pi * n / 5, 0.4 if n % 2 else 1) for n in range(10)]
    corners = {"triangle": 3, "square": 4, "hexagon": 6}.get(kind, 60)
    start = math.pi / 4 if kind == "square" else 0
    flat = 0.55 if kind == "ellipse" else 1
    return [(x, y * flat) for x, y in (_at(start + 2 * math.pi * n / corners, 1) for n in range(corners))]


def _at(angle: float, radius: float) -> tuple[float, float]:
    return radius * math.sin(angle), -radius * math.cos(angle)


KIND = Kind(invent, lay_out, coloured=True)
