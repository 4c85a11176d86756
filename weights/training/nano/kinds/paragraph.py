"""Several lines of running text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from training.nano.kinds.line import vietnamese_words
from training.nano.page import Page
from training.nano.sample import Canvas, Sample, Source


def draw(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    if rng.random() < 0.5:
        return _write(rng, Page(rng, source, canvas, lines=2), lambda: source.words.prose(rng))
    return _write(rng, Page(rng, source, canvas, lines=2), lambda: [source.words.token(rng) for _ in range(9)])


def vietnamese(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    return _write(rng, Page(rng, source, canvas, lines=2), lambda: vietnamese_words(rng, source))


def _write(rng: Random, page: Page, next_words: Callable[[], list[str]]) -> Sample | None:
    page.start()
    align = rng.choice((0.0, 0.0, 0.0, 0.5, 1.0))
    blank_lines, most = rng.choice((0.0, 0.0, 0.1)), rng.choice((3, 9, 40, 40))
    while page.baseline < page.height:
        line = page.fill(next_words(), most)
        if line:
            page.write([(page.margin + align * (page.room - page.font.width(line)), line)])
        page.feed(1.6 if rng.random() < blank_lines else 1)
    return page.read()
