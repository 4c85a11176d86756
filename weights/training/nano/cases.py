"""What the shipped model is measured on: pictures with their text, pictures with questions. Frozen by their seeds.

All but the real set are drawn in fonts and with words that were never trained on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import PIL.Image
from PIL import ImageDraw

from training.nano import texts
from training.nano.documents import draw, photograph
from training.nano.documents.questions import Pair, denies
from training.nano.fonts import font, load_faces
from training.nano.rows import Kinds
from training.nano.sample import Source
from training.nano.words import Words

READ = "Read the text."

_REAL = Path(__file__).parents[1] / "real"
_LINES: Kinds = {texts.mixed: 3, texts.prose: 2, texts.values: 2, texts.accented: 1, texts.entry: 1}
_RECEIPT_LINES = range(8, 21)


class Case(NamedTuple):
    """A picture, what is asked about it, and the right answer."""

    picture: np.ndarray
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Set:
    """read: whether the text is asked for, which is scored by characters; otherwise by exact answers."""

    read: bool
    cases: Callable[[Path, Random], list[Case]]
    """(where fonts.json is, a source of chance) -> cases, in a fixed order; called until there are enough."""


def _line(effects: float, kinds: Kinds, work: Path, rng: Random) -> list[Case]:
    """One line of 10 to 60 px with a margin."""
    source = _source(work, effects)
    while True:
        printed = font(rng.choice(source.faces), rng.choice((10, 12, 14, 16, 20, 24, 32, 44, 60)))
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        text = " ".join(kind(rng, source.words).replace(texts.GAP, " ").split())
        if printed.face.prints(text):
            break
    margin = rng.randint(4, 12) + printed.size // 2
    image = PIL.Image.new("RGB", (round(printed.width(text)) + 2 * margin, 2 * printed.size + margin), "white")
    ImageDraw.Draw(image).text((margin, image.height // 2), text, "black", printed.pil, "lm")
    picture, _ = photograph(rng, image, np.zeros((0, 4)), effects)
    return [Case(picture, READ, text)]


def _page(kind: str, effects: float, work: Path, rng: Random) -> list[Case]:
    while True:
        document = draw(rng, _source(work, effects), kind)
        if kind != "receipt" or len(document.lines) in _RECEIPT_LINES:
            return [Case(document.picture, READ, "\n".join(document.lines))]


def _asked(kinds: tuple[str, ...], wanted: Callable[[Pair], bool], work: Path, rng: Random) -> list[Case]:
    """Two questions about one document."""
    while True:
        document = draw(rng, _source(work, 0.3), rng.choice(kinds))
        pairs = [pair for pair in document.questions if wanted(pair)]
        if pairs:
            return [Case(document.picture, pair.question, pair.answer) for pair in pairs[:2]]


def _about_total(pair: Pair) -> bool:
    question = pair.question.lower()
    return "total" in question and "sub" not in question and any(c.isdigit() for c in pair.answer)


def _applies(pair: Pair) -> bool:
    return not denies(pair.answer)


def _denies(pair: Pair) -> bool:
    return denies(pair.answer)


SETS = {
    "clean lines": Set(True, partial(_line, 0.0, _LINES)),
    "lines": Set(True, partial(_line, 0.7, texts.MIXTURE)),
    "vietnamese lines": Set(True, partial(_line, 0.0, {texts.vietnamese: 1})),
    "receipts": Set(True, partial(_page, "receipt", 0.3)),
    "forms": Set(True, partial(_page, "form", 0.3)),
    "paragraphs": Set(True, partial(_page, "article", 0.3)),
    "screenshots": Set(True, lambda work, rng: _page(rng.choice(("dialog", "listing", "table")), 0.3, work, rng)),
    "totals": Set(False, partial(_asked, ("receipt",), _about_total)),
    "fields and prices": Set(False, partial(_asked, ("receipt", "invoice", "form"), _applies)),
    "scenes": Set(False, partial(_asked, ("scene",), _applies)),
    "charts": Set(False, partial(_asked, ("chart",), _applies)),
    "not there": Set(False, partial(_asked, ("receipt", "form", "chart", "scene", "dialog"), _denies)),
}


def held_out_cases(work: Path, name: str, count: int) -> list[Case]:
    rng, cases = Random(f"cases {name}"), []
    while len(cases) < count:
        cases += SETS[name].cases(work, rng)
    return cases[:count]


def real_cases(*, read: bool) -> list[Case]:
    if read:
        texts_of = {
            path.stem: path.read_text(encoding="utf-8").strip() for path in sorted((_REAL / "truth").glob("*.txt"))
        }
        return [Case(_real_picture(name), READ, text) for name, text in texts_of.items()]
    asked = tomllib.loads((_REAL / "truth" / "questions.toml").read_text(encoding="utf-8"))
    return [Case(_real_picture(name), *pair) for name, pairs in asked.items() for pair in pairs.items()]


def _real_picture(name: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(_REAL / "images" / f"{name}.png").convert("RGB"))


def _source(work: Path, effects: float) -> Source:
    return Source(load_faces(work, held=True), Words(held=True), effects)
