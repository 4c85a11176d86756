"""What a company asks to be paid."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from training.nano.documents import grid, ledger, topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.languages import Labels, labels
from training.nano.documents.ledger import Row
from training.nano.documents.money import Money, money, price
from training.nano.documents.names import LANGUAGES, address, company, person, products
from training.nano.documents.questions import Pair, Topic, ask, called, counted, miss, mixed
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import Style
from training.nano.words import Words, date, digits

_SELLER = Topic("company", (
    "Which company is it from?", "Who sent the invoice?", "Who is the seller?", "What is the company?", "company?",
    "Who issued this?", "Which company issued the invoice?",
))  # fmt: skip
_BUYER = Topic("customer", (
    "Who is the customer?", "Who is it billed to?", "Who has to pay?", "customer?", "Whom is the invoice for?",
    "Who is the invoice addressed to?", "bill to?",
))  # fmt: skip
_COUNT = Topic("item", (
    "How many items are there?", "How many items are billed?", "number of items?", "Count the items.",
    "How many positions are there?", "how many items",
), key="number")  # fmt: skip
_UNIT = Topic("{}", (
    "What is the unit price of {}?", "unit price of {}?", "How much is one {}?", "What does one {} cost?",
    "Unit price of {}?", "What does a single {} cost?",
))  # fmt: skip

_WORDS = {
    "English": (("INVOICE", "Invoice", "Bill", "Tax invoice"), ("Invoice number", "Invoice No.", "Invoice #", "Number"),
                ("Invoice date", "Date", "Issued"), ("Due date", "Due", "Payable by"), ("Bill to", "Customer", "To"),
                ("Description", "Qty", "Unit price", "Amount")),
    "French": (("FACTURE", "Facture"), ("Facture n°", "Numéro"), ("Date", "Date de facture"), ("Échéance",),
               ("Client", "Facturé à"), ("Désignation", "Qté", "Prix unitaire", "Montant")),
    "German": (("RECHNUNG", "Rechnung"), ("Rechnungsnummer", "Rechnung Nr."), ("Datum", "Rechnungsdatum"),
               ("Fällig am", "Zahlbar bis"), ("Kunde", "An"), ("Beschreibung", "Menge", "Einzelpreis", "Betrag")),
    "Spanish": (("FACTURA", "Factura"), ("Factura nº", "Número"), ("Fecha",), ("Vencimiento",), ("Cliente",),
                ("Descripción", "Cantidad", "Precio", "Importe")),
    "Vietnamese": (("HÓA ĐƠN", "Hóa đơn"), ("Số hóa đơn", "Số"), ("Ngày",), ("Hạn thanh toán",), ("Khách hàng",),
                   ("Tên hàng", "Số lượng", "Đơn giá", "Thành tiền")),
}  # fmt: skip


class Position(NamedTuple):
    name: str
    quantity: int
    unit: int

    @property
    def amount(self) -> int:
        return self.quantity * self.unit


@dataclass(frozen=True, slots=True)
class Invoice:
    """fields: label and value. tax_percent: 0 where no tax is printed. stranger: a thing that was not sold."""

    title: str
    seller: str
    address: tuple[str, ...]
    to: str
    buyer: str
    fields: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    positions: tuple[Position, ...]
    labels: Labels
    money: Money
    tax_percent: int
    stranger: str
    missing_field: str

    @property
    def subtotal(self) -> int:
        return sum(position.amount for position in self.positions)

    @property
    def tax(self) -> int:
        return self.money.round(self.subtotal * self.tax_percent / 100)

    @property
    def total(self) -> int:
        return self.subtotal + self.tax

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple((position.name, str(position.quantity)) for position in self.positions)

    def questions(self, rng: Random) -> list[Pair]:
        total, plain, labels = self.money.show(self.total), self.money.plain, self.labels
        here = [
            ask(rng, topics.TOTAL, total, at=labels.total),
            ask(rng, topics.TOTAL, total, at=labels.total),
            ask(rng, topics.FIELD, total, called(rng, labels.total)),
        ]
        here += [
            ask(rng, _SELLER, self.seller),
            ask(rng, _BUYER, self.buyer, at=self.to),
            ask(rng, topics.TITLE, self.title),
        ]
        here += [ask(rng, topics.FIELD, value, called(rng, label)) for label, value in self.fields for _ in range(2)]
        here.append(ask(rng, _COUNT, len(self.positions)))
        here += [
            ask(rng, topics.PRICE, plain(p.amount), called(rng, p.name)) for p in self.positions if p.quantity == 1
        ]
        here += [ask(rng, _UNIT, plain(p.unit), called(rng, p.name)) for p in self.positions]
        missing = [miss(rng, topic, called(rng, self.stranger)) for topic in (topics.PRICE, _UNIT)]
        missing += [miss(rng, topic) for topic in (topics.TIME, topics.LARGEST_BAR, topics.LEFT_SHAPE, topics.BUTTONS)]
        missing += [miss(rng, topics.FIELD, called(rng, self.missing_field)) for _ in range(2)]
        if self.tax:
            here += [
                ask(rng, topics.TAX, self.money.show(self.tax), at=labels.tax),
                ask(rng, topics.SUBTOTAL, self.money.show(self.subtotal), at=labels.subtotal),
            ]
        else:
            missing += [miss(rng, topics.TAX), miss(rng, topics.SUBTOTAL)]
        return mixed(rng, here, missing)

    def describe(self) -> str:
        items = counted(len(self.positions), "item")
        total = self.money.show(self.total)
        return f"An invoice from {self.seller} to {self.buyer} with {items}. The total is {total}."


def invent(rng: Random, words: Words) -> Invoice:
    language = rng.choice(LANGUAGES) if rng.random() < 0.35 else "English"
    title, number, day, due, to, head = _WORDS[language]
    style = money(rng, language)
    stranger, *sold = products(rng, words, language, rng.randint(1, 6) + 1)
    fields = [(rng.choice(number), rng.choice((digits(rng, 5), f"{rng.randint(2015, 2032)}-{digits(rng, 3)}")))]
    fields += [(rng.choice(day), date(rng))] if rng.random() < 0.9 else []
    fields += [(rng.choice(due), date(rng))] if rng.random() < 0.5 else []
    extra = [("Customer number", digits(rng, 5)), ("PO number", digits(rng, 6)), ("E-mail", words.email(rng)),
             ("IBAN", f"DE{digits(rng, 2)} {digits(rng, 4)} {digits(rng, 4)}"), ("Order", digits(rng, 5))]  # fmt: skip
    (missing_field, _), *extra = rng.sample(extra, rng.randint(1, 3))
    return Invoice(
        title=rng.choice(title),
        seller=company(rng, words),
        address=address(rng, words) if rng.random() < 0.7 else (),
        to=rng.choice(to),
        buyer=rng.choice((person, company))(rng, words),
        fields=(*fields, *extra),
        head=head,
        positions=tuple(Position(n, rng.choice((1, 1, 2, 3, 5, 10)), price(rng, style, 20000)) for n in sold),
        labels=labels(rng, language),
        money=style,
        tax_percent=rng.choice((0, 0, 5, 7, 10, 19, 20)),
        stranger=stranger,
        missing_field=missing_field,
    )


def lay_out(rng: Random, style: Style, invoice: Invoice) -> Sheet:
    money, look = invoice.money, grid.some_look(rng)
    sold = [(p.name, str(p.quantity), money.plain(p.unit), money.plain(p.amount)) for p in invoice.positions]
    cells, order = (invoice.head, *sold), rng.choice(((0, 1, 2, 3), (0, 1, 2, 3), (1, 0, 2, 3), (0, 2, 1, 3)))
    cells = [tuple(row[i] for i in order) for row in cells]
    head, sums, lines = _head(rng, invoice), _sums(rng, invoice), ledger.Look(rng.uniform(1.25, 1.7), "", 3)
    size = grid.fitting(style, cells, look, ledger.fitting(style, [*head, *sums], lines, rng.triangular(11, 24, 14)))
    while (height := _height(style, (head, cells, sums), (lines, look), size)) > 1000:
        size = size - 1
    margin = size * rng.uniform(1, 3)
    inner = max(sum(grid.widths(style, cells, look, size)), ledger.measure(style, head, lines, size)[0])
    sheet = Sheet(style, inner + 2 * margin, height + 2 * margin)
    left, right = margin, sheet.width - margin
    y = ledger.write(sheet, head, lines, size, (left, margin, right))
    y = grid.write(sheet, cells, look, size, (left, y + size, right))
    start = rng.choice((left, max(left, right - 1.1 * ledger.measure(style, sums, lines, size)[0])))
    ledger.write(sheet, sums, lines, size, (start, y + 0.5 * size, right - look.pad * size))
    return sheet


def _height(style: Style, parts: tuple, looks: tuple[ledger.Look, grid.Look], size: float) -> float:
    (head, cells, sums), (lines, look) = parts, looks
    rows = sum(ledger.measure(style, part, lines, size)[1] for part in (head, sums))
    return rows + len(cells) * look.pitch * size + 1.5 * size


def _head(rng: Random, invoice: Invoice) -> list[Row]:
    big, colon = rng.choice((1.2, 1.6, 2)), rng.choice((":", ":", ""))
    apart = rng.random() < 0.5
    rows = [Row(invoice.seller, invoice.title, scale=big, strong=True)] if apart else [
        Row(invoice.title, scale=big, strong=True), Row(invoice.seller)]  # fmt: skip
    rows += [Row(text) for text in invoice.address] + [Row()] * rng.choice((0, 1))
    to, fields = f"{invoice.to}{colon or ':'} {invoice.buyer}", invoice.fields
    style = rng.choice(("edges", "together", "beside"))
    if style == "beside":
        beside = [f"{label}{colon or ':'} {value}" for label, value in fields]
        return [*rows, Row(to, beside[0]), *(Row(right=text) for text in beside[1:])]
    if style == "edges":
        return [*rows, Row(to), *(Row(label + colon, value) for label, value in fields)]
    return [*rows, Row(to), *(Row(f"{label}{colon} {value}") for label, value in fields)]


def _sums(rng: Random, invoice: Invoice) -> list[Row]:
    show, labels = invoice.money.show, invoice.labels
    rate = f" {invoice.tax_percent}%" if rng.random() < 0.5 else ""
    rows = [Row(labels.subtotal, show(invoice.subtotal)), Row(labels.tax + rate, show(invoice.tax))]
    total = Row(labels.total, show(invoice.total), strong=True, scale=rng.choice((1, 1, 1.3)))
    return [*(rows if invoice.tax else []), *([Row(fill="rule")] if rng.random() < 0.3 else []), total]


KIND = Kind(invent, lay_out)
