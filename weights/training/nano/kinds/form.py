"""Fields with a name and a value, side by side."""

from __future__ import annotations

from random import Random

from training.nano.page import Page
from training.nano.sample import Canvas, Sample, Source

_NAMES = (
    "Name", "First name", "Last name", "Address", "City", "Country", "Phone", "Email", "E-mail", "Date",
    "Date of birth", "Invoice No.", "Order", "Customer", "Due date", "Account", "IBAN", "Reference", "Status",
    "Quantity", "Unit price", "Họ và tên", "Địa chỉ", "Số điện thoại", "Ngày sinh", "Rechnung", "Straße", "Prénom",
    "Téléphone", "Número", "Fecha",
)  # fmt: skip


def draw(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas, lines=2)
    page.start()
    colon = rng.choice((":", ":", ":", ""))
    column = page.margin + page.room * rng.uniform(0.3, 0.55) if rng.random() < 0.5 else None
    boxed = rng.random() < 0.2
    while page.baseline < page.height:
        name = rng.choice(_NAMES) if rng.random() < 0.5 else source.words.word(rng).capitalize()
        _field(page, page.cut(name + colon), column, boxed)
        page.feed(1.3 if boxed else 1)
    return page.read()


def _field(page: Page, name: str, column: float | None, boxed: bool) -> None:
    words, font = page.source.words, page.font
    after = page.margin + font.width(name + " ")
    x = after if column is None else max(after, column)
    value = (words.value if page.rng.random() < 0.5 else words.word)(page.rng)
    if page.rng.random() < 0.3:
        value += f" {words.word(page.rng)}"
    while value and x + font.width(value) > page.width - page.margin:
        value = value[:-1]
    value = value.rstrip()
    wrote = page.write([(page.margin, name), (x, value)] if value else [(page.margin, name)])
    if wrote and value and boxed:
        top, bottom = page.baseline - font.size, page.baseline + 0.4 * font.size
        page.draw.rectangle((x - 0.2 * font.size, top, page.width - 1, bottom), outline=page.ink_colour)
