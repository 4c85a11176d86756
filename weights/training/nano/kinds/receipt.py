"""The lines of a receipt: a shop, a date, items with prices at the right edge, sums."""

from __future__ import annotations

from random import Random

from training.nano.page import Page
from training.nano.sample import Canvas, Sample, Source
from training.nano.words import date, number, phone, price, time

_SUMS = (
    "TOTAL", "Total", "Subtotal", "SUBTOTAL", "Tax", "VAT 20%", "Cash", "Change", "Amount due", "Discount", "Card",
    "Tổng cộng", "Thành tiền", "Thuế VAT", "Summe", "MwSt.", "Total à payer", "TVA", "Importe", "Grand Total",
)  # fmt: skip
_NOTES = (
    "Thank you!", "THANK YOU", "Thank you for your visit", "Merci", "Cảm ơn quý khách", "Danke", "Served by",
    "Receipt",
)  # fmt: skip


def draw(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas, lines=2, mono=rng.random() < 0.5)
    page.start()
    if rng.random() < 0.4:
        _centre(page, page.fill(lambda r: source.words.word(r).upper(), rng.randint(1, 3)))
    if rng.random() < 0.4:
        _centre(page, page.fill((date(rng), time(rng)), 2))
    sums = rng.random() * page.height
    while page.baseline < page.height:
        line = rng.random()
        if line < 0.06:
            _rule(page)
        elif line < 0.14:
            _centre(page, page.fill((_note(rng, source),), 1))
        else:
            _item(page, rng.choice(_SUMS) if page.baseline > sums and rng.random() < 0.7 else _name(rng, source))
    return page.read()


def _item(page: Page, name: str) -> None:
    cost = price(page.rng)
    gap = page.font.width(" ") * page.rng.choice((1, 1, 2, 4))
    right = page.width - page.margin - page.font.width(cost)
    while name and page.margin + page.font.width(name) + gap > right:
        name = name[:-1]
    if name.strip():
        page.write([(page.margin, name.rstrip()), (right, cost)])
    page.feed()


def _centre(page: Page, text: str) -> None:
    if text:
        page.write([(page.margin + (page.room - page.font.width(text)) / 2, text)])
    page.feed()


def _rule(page: Page) -> None:
    """A drawn rule, which is no text."""
    y = page.baseline - 0.3 * page.font.size
    page.draw.line((page.margin, y, page.width - page.margin, y), fill=page.ink_colour, width=max(1, round(page.scale)))
    page.feed(0.7)


def _name(rng: Random, source: Source) -> str:
    word = source.words.foreign if rng.random() < 0.25 else source.words.word
    name = " ".join(word(rng) for _ in range(rng.randint(1, 3)))
    return f"{rng.randint(1, 12)} {rng.choice(('x ', '× ', ''))}{name}" if rng.random() < 0.4 else name


def _note(rng: Random, source: Source) -> str:
    return rng.choice(
        (rng.choice(_NOTES), phone(rng), source.words.url(rng), f"No. {number(rng)}", f"{date(rng)} {time(rng)}")
    )
