"""A few large words: a sign or a button."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.names import plain, shop
from training.nano.documents.questions import Pair, Topic, ask, miss, mixed
from training.nano.documents.sheet import SMALLEST_PX, Sheet
from training.nano.documents.style import NAMED, SIZES, Style, contrast, luminance, near, shade
from training.nano.words import Words, code, percentage, phone, price, time

_COLOUR = Topic("{}", (
    "What colour is the {}?", "What color is the {}?", "{} color?", "colour of the {}?", "Which colour has the {}?",
    "What is the color of the {}?", "Which color is the {}?",
))  # fmt: skip
_KIND = Topic("thing", (
    "Is this a sign or a button?", "What kind of picture is this?", "What kind of thing is this?", "what is it?",
    "What type of image is this?", "What is pictured?",
))  # fmt: skip
_LINES = Topic("line", (
    "How many lines of text are there?", "number of lines?", "How many lines does it have?", "Count the lines of text.",
    "how many lines", "How many rows of text?",
), key="number")  # fmt: skip

_TEXTS = (
    "STOP", "EXIT", "OPEN", "CLOSED", "PUSH", "PULL", "Danger", "Caution Wet floor", "No parking", "No smoking",
    "Keep out",
    "Private", "Entrance", "Way out", "Restrooms", "Sale", "For rent", "For sale", "Sold out", "Staff only",
    "Please knock",
    "Do not disturb", "Fragile", "This side up", "Handle with care", "Free Wi-Fi", "Welcome", "Reserved",
    "Out of order",
    "Emergency exit", "High voltage", "Slow", "One way", "Bus stop", "Toilet", "Elevator", "Reception", "Information",
    "Lối ra", "Cấm hút thuốc", "Giảm giá", "Mở cửa", "Ausgang", "Eingang", "Achtung", "Rauchen verboten", "Sortie",
    "Défense de fumer", "Poussez", "Salida", "Prohibido fumar", "Cerrado", "Abierto", "Sign up", "Buy now", "Play",
    "Log in",
    "Submit", "Download", "Add to cart", "New", "50% OFF", "Gate 12", "Room 204", "Platform 3", "Exit 14B",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Label:
    """thing: "sign" or "button". lines: its words. colour: of the ground."""

    thing: str
    lines: tuple[str, ...]
    colour: str

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple((line, "") for line in self.lines)

    def questions(self, rng: Random) -> list[Pair]:
        here = [ask(rng, topics.SAYS, self.text) for _ in range(3)] + [ask(rng, _LINES, len(self.lines))]
        here += [ask(rng, _COLOUR, self.colour, self.thing) for _ in range(2)]
        here.append(ask(rng, _KIND, self.thing))
        missing = topics.strangers(rng, topics.SHOP, *([topics.TIME] if any(map(str.isdigit, self.text)) else []))
        return mixed(rng, here, [*missing, miss(rng, _COLOUR, rng.choice(("circle", "triangle", "star", "bar")))])

    def describe(self) -> str:
        article = "an" if self.colour[0] in "aeiou" else "a"
        return f"{article.capitalize()} {self.colour} {self.thing} that says {self.text}"


def invent(rng: Random, words: Words) -> Label:
    style = rng.random()
    if style < 0.35:
        lines = rng.choice(_TEXTS).split(" ", rng.choice((0, 1, 2)))
    elif style < 0.65:
        lines = [words.word(rng) for _ in range(rng.randint(1, 4))]
    elif style < 0.75:
        lines = [shop(rng, words)]
    else:
        value = rng.choice((price, percentage, code, phone, time))(rng)
        lines = [plain(rng, words), value] if rng.random() < 0.6 else [value]
    if rng.random() < 0.3:
        lines = [line.upper() for line in lines]
    thing = "button" if len(lines) == 1 and rng.random() < 0.5 else "sign"
    return Label(thing, tuple(lines), rng.choice(tuple(NAMED)))


def lay_out(rng: Random, style: Style, label: Label) -> Sheet:
    size, pitch = near(rng.triangular(20, 60, 40)), rng.uniform(1.1, 1.6)
    font = (style.bold if rng.random() < 0.6 else style.font)(size)
    while max(map(font.width, label.lines)) > 900 and font.size > SIZES[0]:
        font = style.font(font.size - 1)
    size, pad, around = font.size, font.size * rng.uniform(0.4, 1.5), font.size * rng.choice((0.2, 0.6, 1.5))
    around = around if label.thing == "sign" else 1.5 * size
    inner = max(map(font.width, label.lines))
    width, height = inner + 2 * pad, len(label.lines) * pitch * size + 1.2 * pad
    sheet = Sheet(style, max(width + 2 * around, SMALLEST_PX), max(height + 2 * around, SMALLEST_PX))
    fill, ink = shade(rng, label.colour), _ink(rng, label.colour)
    x, y = sheet.width / 2, (sheet.height - height) / 2
    box = (round(x - width / 2), round(y), round(x + width / 2), round(y + height))
    radius = rng.choice((0, 0, 0.15)) * size if label.thing == "sign" else rng.uniform(0.4, 0.8) * size
    edge = ink if rng.random() < 0.4 or abs(luminance(fill) - luminance(style.paper)) < 60 else None
    sheet.draw.rounded_rectangle(box, radius, fill=fill, outline=edge, width=max(1, round(size / 12)))
    y += 0.6 * pad
    for line in label.lines:
        sheet.write(x, y + 0.5 * pitch * size + 0.35 * size, line, font, align=0.5, colour=ink)
        y += pitch * size
    return sheet


def _ink(rng: Random, colour: str) -> tuple[int, int, int]:
    """Of the text: plain, mostly, or a colour that shows."""
    ground = luminance(NAMED[colour][1])
    bright = [name for name, (low, high) in NAMED.items() if min(abs(luminance(c) - ground) for c in (low, high)) > 110]
    return shade(rng, rng.choice(bright)) if bright and rng.random() < 0.4 else contrast(NAMED[colour][0])


KIND = Kind(invent, lay_out, coloured=True)
