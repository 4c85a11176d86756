"""What a shop prints when something is paid."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.languages import Labels, labels
from training.nano.documents.ledger import Look, Row, fitting, measure, write
from training.nano.documents.money import Money, money, price
from training.nano.documents.names import LANGUAGES, address, person, products, shop
from training.nano.documents.questions import Pair, Topic, ask, called, counted, miss, mixed
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import Style
from training.nano.words import Words, date, digits, phone, time

_COUNT = Topic("item", (
    "How many items are there?", "How many items were bought?", "number of items?", "Count the items.",
    "How many different items are listed?", "What is the number of items?", "how many items", "How many things?",
), key="number")  # fmt: skip
_QUANTITY = Topic("{}", (
    "How many {} were bought?", "What is the quantity of {}?", "How many {}?", "quantity of {}?", "{} quantity?",
    "How often was {} bought?", "What is the number of {}?",
))  # fmt: skip
_DEAREST = Topic("item", (
    "Which item is the most expensive?", "What is the most expensive item?", "most expensive item?",
    "Which item costs the most?", "What costs the most?", "What is the dearest item?",
), key="most expensive")  # fmt: skip
_ADDRESS = Topic("address", (
    "What is the address?", "What's the address?", "address?", "Where is the shop?", "the address",
    "Which street is it?",
    "Read the address.",
))  # fmt: skip
_PHONE = Topic("phone number", (
    "What is the phone number?", "phone number?", "What's the phone number?", "phone?", "Which number can I call?",
    "What is the telephone number?", "the phone number",
))  # fmt: skip
_CHANGE = Topic("change", (
    "What is the change?", "How much change was given?", "change?", "How much is the change?", "the change",
    "What change was given back?",
))  # fmt: skip


class Item(NamedTuple):
    name: str
    quantity: int
    unit: int

    @property
    def amount(self) -> int:
        return self.quantity * self.unit


@dataclass(frozen=True, slots=True)
class Receipt:
    """Empty texts and zeros are not printed. note: what cash comes in. stranger: a thing that was not bought."""

    labels: Labels
    money: Money
    signed: bool
    shop: str
    address: tuple[str, ...]
    phone: str
    date: str
    time: str
    number: str
    server: str
    items: tuple[Item, ...]
    tax_percent: float
    tax_inside: bool
    paid_in_cash: bool
    note: int
    paid: bool
    thanks: bool
    stranger: str

    @property
    def sum(self) -> int:
        return sum(item.amount for item in self.items)

    @property
    def tax(self) -> int:
        share = self.tax_percent / (100 + self.tax_percent if self.tax_inside else 100)
        return self.money.round(self.sum * share)

    @property
    def subtotal(self) -> int:
        return self.sum - self.tax if self.tax_inside else self.sum

    @property
    def total(self) -> int:
        return self.subtotal + self.tax

    @property
    def given(self) -> int:
        return -(-self.total // self.note) * self.note

    @property
    def payment(self) -> str:
        return (self.labels.cash if self.paid_in_cash else self.labels.card) if self.paid else ""

    def amount(self, value: int) -> str:
        """As it stands beside an item."""
        return self.money.show(value) if self.signed else self.money.plain(value)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple((item.name, str(item.quantity)) for item in self.items)

    def questions(self, rng: Random) -> list[Pair]:
        total, label = self.money.show(self.total), self.labels.total
        here = [ask(rng, topics.TOTAL, total, at=label), ask(rng, topics.SHOP, self.shop)]
        here += [ask(rng, topics.PRICE, self.amount(item.amount), called(rng, item.name)) for item in self.items]
        here += [ask(rng, _COUNT, len(self.items)), ask(rng, topics.TOTAL, total, at=label)]
        missing = [miss(rng, topics.PRICE, called(rng, self.stranger)) for _ in range(2)]
        missing += [miss(rng, topic) for topic in (topics.BUTTONS, topics.LARGEST_BAR, topics.LEFT_SHAPE)]
        missing.append(miss(rng, _QUANTITY, self.stranger))
        for topic, answer, at in self._parts():
            if answer:
                here.append(ask(rng, topic, answer, at=at))
            else:
                missing.append(miss(rng, topic))
        here.append(ask(rng, topics.FIELD, total, label))
        several = [item for item in self.items if item.quantity > 1]
        here += [ask(rng, _QUANTITY, item.quantity, item.name) for item in several]
        second, first = sorted(item.amount for item in self.items)[-2:]
        if first > second:
            here.append(ask(rng, _DEAREST, next(item.name for item in self.items if item.amount == first)))
        return mixed(rng, here, missing)

    def _parts(self) -> tuple[tuple[Topic, str, str], ...]:
        """What is asked for, the answer, and beside what it stands, where that is certain."""
        labels = self.labels
        change = self.money.show(self.given - self.total) if self.paid_in_cash and self.paid else ""
        return (
            (topics.DATE, self.date, ""),
            (topics.TIME, self.time, ""),
            (topics.PAYMENT, self.payment, ""),
            (topics.TAX, self.money.show(self.tax) if self.tax else "", labels.tax),
            (topics.SUBTOTAL, self.money.show(self.subtotal) if self.tax else "", labels.subtotal),
            (_ADDRESS, ", ".join(self.address), ""),
            (_PHONE, self.phone, ""),
            (_CHANGE, change, labels.change),
        )

    def describe(self) -> str:
        when = f" It is dated {self.date}." if self.date else ""
        how = f" It was paid with {self.payment}." if self.payment else ""
        items = counted(len(self.items), "item")
        return f"A receipt from {self.shop} with {items}. The total is {self.money.show(self.total)}.{when}{how}"


def invent(rng: Random, words: Words) -> Receipt:
    language = rng.choice(LANGUAGES) if rng.random() < 0.4 else "English"
    style = money(rng, language)
    names = products(rng, words, language, rng.randint(2, 9) + 1)
    if rng.random() < 0.25:
        names = [name.upper() for name in names]
    stranger, *bought = names
    few = rng.choice((0.0, 0.2, 0.6))
    items = tuple(Item(n, rng.randint(2, 6) if rng.random() < few else 1, price(rng, style, 2500)) for n in bought)
    own, taxed = shop(rng, words), rng.random() < 0.65
    return Receipt(
        labels=labels(rng, language),
        money=style,
        signed=rng.random() < 0.4,
        shop=own.upper() if rng.random() < 0.4 else own,
        address=address(rng, words) if rng.random() < 0.7 else (),
        phone=phone(rng) if rng.random() < 0.35 else "",
        date=date(rng) if rng.random() < 0.85 else "",
        time=time(rng) if rng.random() < 0.7 else "",
        number=digits(rng, rng.randint(3, 7)) if rng.random() < 0.4 else "",
        server=person(rng, words).split()[0] if rng.random() < 0.25 else "",
        items=items,
        tax_percent=rng.choice((5, 7, 8, 8.25, 10, 19, 20, 5.5, 21)) if taxed else 0,
        tax_inside=language != "English" and rng.random() < 0.8,
        paid_in_cash=rng.random() < 0.45,
        note=rng.choice((5, 10, 20, 50)) * (100 if style.coins else 10000),
        paid=rng.random() < 0.7,
        thanks=rng.random() < 0.7,
        stranger=stranger,
    )


def lay_out(rng: Random, style: Style, receipt: Receipt) -> Sheet:
    rows = _head(rng, receipt)
    between = rng.choice((Row(fill="rule"), Row(fill="-"), Row(fill="rule"), Row(), Row(fill=rng.choice("=*._"))))
    rows += [between, *_items(rng, receipt), between, *_sums(rng, receipt)]
    if receipt.thanks:
        rows += [rng.choice((between, Row())), Row(middle=receipt.labels.thanks)]
    leader = rng.choice(("", "", "", "", "."))
    look = Look(rng.uniform(1.15, 1.75), leader, rng.uniform(1, 3) if rng.random() < 0.8 else rng.uniform(3, 14))
    size = fitting(style, rows, look, rng.triangular(11, 30, 16))
    width, height = measure(style, rows, look, size)
    margin_x, margin_y = size * rng.uniform(0.6, 2.5), size * rng.uniform(0.6, 3)
    sheet = Sheet(style, width + 2 * margin_x, height + 2 * margin_y)
    write(sheet, rows, look, size, (margin_x, margin_y, sheet.width - margin_x))
    return sheet


def _head(rng: Random, receipt: Receipt) -> list[Row]:
    asides = [*receipt.address, rng.choice(("Tel. ", "", "Tel: ", "Phone: ")) + receipt.phone if receipt.phone else ""]
    big = rng.choice((1, 1.25, 1.6, 2))
    if rng.random() < 0.75:
        rows = [Row(middle=receipt.shop, scale=big, strong=True), *(Row(middle=text) for text in asides if text)]
    else:
        rows = [Row(receipt.shop, scale=big, strong=True), *(Row(text) for text in asides if text)]
    if rng.random() < 0.5:
        rows.append(Row())
    return rows + _stamps(rng, receipt)


def _stamps(rng: Random, receipt: Receipt) -> list[Row]:
    """When, by whom, and under which number."""
    labels, colon = receipt.labels, rng.choice((":", ":", ""))
    stamp = Row(receipt.date, receipt.time)
    rows = [stamp] if receipt.date or receipt.time else []
    if receipt.date and rng.random() < 0.4:
        rows = [Row(labels.date + colon, receipt.date)]
        rows += [Row(labels.time + colon, receipt.time)] if receipt.time else []
    elif rng.random() < 0.4:
        rows = [Row(middle=f"{receipt.date} {receipt.time}".strip())]
    if receipt.number:
        rows.append(Row(f"{labels.number}{colon} {receipt.number}"))
    if receipt.server:
        rows.append(Row(f"{labels.server}{colon} {receipt.server}"))
    return rows


def _items(rng: Random, receipt: Receipt) -> list[Row]:
    several = any(item.quantity > 1 for item in receipt.items)
    style = rng.choice(("before", "below", "column", "after")) if several or rng.random() < 0.2 else "none"
    sign = rng.choice((" x ", "x ", " ", " X "))
    rows = []
    for name, quantity, unit in receipt.items:
        amount = receipt.amount(quantity * unit)
        if style == "before":
            rows.append(Row(f"{quantity}{sign}{name}", amount))
        elif style == "column":
            rows.append(Row(name, amount, str(quantity)))
        elif style == "after" and quantity > 1:
            rows.append(Row(f"{name} x{quantity}", amount))
        else:
            rows.append(Row(name, amount))
        if style == "below" and quantity > 1:
            rows.append(Row(f"  {quantity} {rng.choice('x@')} {receipt.money.plain(unit)}"))
    return rows


def _sums(rng: Random, receipt: Receipt) -> list[Row]:
    labels, show = receipt.labels, receipt.money.show
    colon = rng.choice((":", "", ""))
    rate = f" {receipt.tax_percent:g}%".replace(".", receipt.money.point) if rng.random() < 0.6 else ""
    taxes = [Row(labels.subtotal + colon, show(receipt.subtotal)), Row(labels.tax + rate + colon, show(receipt.tax))]
    total = Row(
        labels.total + colon, show(receipt.total), scale=rng.choice((1, 1, 1.25, 1.5)), strong=rng.random() < 0.7
    )
    rows = [*(taxes if receipt.tax else []), total]
    if not receipt.paid:
        return rows
    if rng.random() < 0.5:
        rows.append(Row())
    if not receipt.paid_in_cash:
        return [*rows, Row(labels.card + colon, show(receipt.total)) if rng.random() < 0.7 else Row(labels.card)]
    given, change = show(receipt.given), show(receipt.given - receipt.total)
    return [*rows, Row(labels.cash + colon, given), Row(labels.change + colon, change)]


KIND = Kind(invent, lay_out, mono=0.45)
