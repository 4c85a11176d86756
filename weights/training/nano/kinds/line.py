"""One line of text, anywhere on the canvas."""

from __future__ import annotations

from random import Random

from training.nano.page import Page
from training.nano.sample import Canvas, Sample, Source


def words(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    """One or two words."""
    page = Page(rng, source, canvas)
    return _finish(page, page.fill(source.words.word, rng.randint(1, 2)))


def mixed(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas)
    return _finish(page, page.fill(source.words.token, rng.randint(1, 9)))


def prose(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas)
    return _finish(page, page.fill(source.words.prose(rng), 40))


def values(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas)
    return _finish(page, page.fill(source.words.value, rng.randint(1, 5)))


def accented(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas)
    return _finish(page, page.fill(source.words.foreign, rng.randint(1, 8)))


def vietnamese(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas)
    return _finish(page, page.fill(vietnamese_words(rng, source), 12))


def vietnamese_words(rng: Random, source: Source) -> list[str]:
    """A phrase of syllables in one case, with a little punctuation."""
    syllables = rng.choices(source.words.vietnamese, k=rng.randint(2, 12))
    style = rng.random()
    if style < 0.12:
        return [s.upper() for s in syllables]
    if style < 0.24:
        return [s.capitalize() for s in syllables]
    return [syllables[0].capitalize(), *(s + rng.choice(("", "", "", "", "", ",", ".")) for s in syllables[1:])]


def _finish(page: Page, text: str) -> Sample | None:
    return page.read() if page.place_one(text) else None
