"""A head and rows of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.nano.documents import names, topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.grid import fitting, some_look, widths, write
from training.nano.documents.money import money, price
from training.nano.documents.questions import Pair, Topic, ask, called, counted, joined, miss, mixed
from training.nano.documents.sheet import LARGEST_PX, Sheet
from training.nano.documents.style import Style
from training.nano.words import Words, date, digits

_CELL = Topic("{}", (
    "What is the {}?", "What's the {}?", "{}?", "Read the {}.", "What does the table say for the {}?", "the {}",
    "Which value is the {}?", "Give me the {}.", "Find the {}.",
))  # fmt: skip
_ROWS = Topic("row", (
    "How many rows are there?", "How many rows does the table have?", "number of rows?", "Count the rows.",
    "How many rows are below the head?", "how many rows", "How many entries does the table have?",
), key="number")  # fmt: skip
_COLUMNS = Topic("column", (
    "How many columns are there?", "How many columns does the table have?", "number of columns?", "Count the columns.",
    "how many columns", "What is the number of columns?",
))  # fmt: skip
_HEAD = Topic("column", (
    "What are the columns?", "Which columns are there?", "List the column names.", "column names?", "Name the columns.",
    "What are the column headings?", "What does the head of the table say?",
))  # fmt: skip
_WHOSE = Topic("row", (
    "Which row has {}?", "What has {}?", "Who or what has {}?", "Find the row with {}.", "row with {}?",
    "Which entry has {}?",
))  # fmt: skip

Maker = Callable[[Random, Words], str]
_TITLES = ("Price list", "Overview", "Inventory", "Results", "Schedule", "Members", "Orders", "Stock", "Report", "Menu")
_FIRST: tuple[tuple[Maker, tuple[str, ...]], ...] = (
    (names.product, ("Item", "Product", "Article", "Name", "Artikel", "Description")),
    (names.person, ("Name", "Employee", "Student", "Player", "Customer", "Member")),
    (names.city, ("City", "Place", "Station", "Store")),
    (names.plain, ("Name", "Team", "Project", "Key", "Task")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """head, rows: the first cell of a row names it. title: may be empty. strangers: a row and a column not there."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strangers: tuple[str, str]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple((row[0], "") for row in self.rows)

    def questions(self, rng: Random) -> list[Pair]:
        here = []
        for row in self.rows:
            i = rng.randrange(1, len(row))
            here.append(ask(rng, _CELL, row[i], _cell(rng, self.head[i], row[0]), at=row[0], key=row[0]))
            if sum(row[i] == other[i] for other in self.rows) == 1:
                here.append(ask(rng, _WHOSE, row[0], f"{self.head[i]} {row[i]}", at=row[i], key=row[i]))
        here += [ask(rng, _ROWS, len(self.rows)), ask(rng, _COLUMNS, len(self.head))]
        here += [ask(rng, _HEAD, joined(self.head)), *([ask(rng, topics.TITLE, self.title)] if self.title else [])]
        return mixed(rng, here, self._missing(rng))

    def _missing(self, rng: Random) -> list[Pair]:
        row, column = (called(rng, name) for name in self.strangers)
        missing = [
            miss(rng, _CELL._replace(thing=row), _cell(rng, self.head[1], row)),
            miss(rng, _CELL._replace(thing=column), _cell(rng, column, self.rows[0][0])),
            miss(rng, _CELL._replace(thing=row), _cell(rng, self.head[-1], row)),
        ]
        missing += topics.strangers(rng, topics.DATE, topics.TITLE)
        return missing if self.title else [*missing, miss(rng, topics.TITLE)]

    def describe(self) -> str:
        titled = f" titled {self.title}" if self.title else ""
        size = f"{counted(len(self.rows), 'row')} and {counted(len(self.head), 'column')}"
        return f"A table{titled} with {size}. The columns are {joined(self.head)}."


def _cell(rng: Random, column: str, row: str) -> str:
    """A cell as people point to it."""
    return rng.choice((f"{column} of {row}", f"{column} of {row}", f"{column} for {row}", f"{row} {column}"))


def _columns(rng: Random, words: Words) -> list[tuple[str, Callable[[], str]]]:
    """Some names, each with what makes its cells."""
    style = money(rng, rng.choice(names.LANGUAGES))
    show = rng.choice((style.show, style.plain))
    high = 10 ** rng.randint(1, 4)
    made: list[tuple[tuple[str, ...], Callable[[], str]]] = [
        (
            ("Qty", "Quantity", "Stock", "Units", "Sold", "Pieces", "Menge", "Số lượng"),
            lambda: str(rng.randint(1, high)),
        ),
        (("Price", "Cost", "Amount", "Unit price", "Preis", "Prix"), lambda: show(price(rng, style, 9000))),
        (("Points", "Score", "Age", "Size", "Visits", "Votes"), lambda: str(rng.randint(1, 99))),
        (("Date", "Due", "Start", "Updated", "Since"), lambda: date(rng)),
        (("Share", "Growth", "Done", "Rate"), lambda: f"{rng.randint(0, 100)}%"),
        (("City", "Place", "Office"), lambda: names.city(rng, words)),
        (("Status", "State"), lambda: rng.choice(("Open", "Closed", "New", "Paid", "Sent", "Late", "OK"))),
        (("Code", "ID", "No.", "SKU"), lambda: digits(rng, 4)),
        (("Weight", "Length", "Rating"), lambda: f"{rng.randint(0, 99)}.{rng.randint(0, 9)}"),
        (("Active", "Paid", "Member"), lambda: rng.choice(("Yes", "No"))),
        (("Owner", "Contact"), lambda: names.person(rng, words)),
    ]
    chosen = rng.sample(made, rng.randint(1, 4) + 1)
    return [(rng.choice(columns), make) for columns, make in chosen]


def invent(rng: Random, words: Words) -> Table:
    (stranger_column, _), *columns = _columns(rng, words)
    make, firsts = rng.choice(_FIRST)
    found: dict[str, str] = {}
    count = rng.randint(3, 10)
    while len(found) < count:
        name = make(rng, words)
        found[name.lower()] = name
    stranger_row, *rows = found.values()
    head = [rng.choice(firsts), *(name for name, _ in columns)]
    if rng.random() < 0.15:
        head = [name.upper() for name in head]
    title = rng.choice((rng.choice(_TITLES), f"{names.plain(rng, words)} {rng.choice(_TITLES).lower()}"))
    cells = tuple((row, *(make_cell() for _, make_cell in columns)) for row in rows)
    return Table(title if rng.random() < 0.5 else "", tuple(head), cells, (stranger_row, stranger_column))


def lay_out(rng: Random, style: Style, table: Table) -> Sheet:
    cells, look = (table.head, *table.rows), some_look(rng)
    size = fitting(style, cells, look, rng.triangular(11, 32, 16))
    margin, head = size * rng.uniform(0.4, 3), size * rng.choice((1, 1.4, 1.8))
    width = sum(widths(style, cells, look, size)) * rng.choice((1, 1, 1, 1.3))
    width = min(LARGEST_PX - 2 * margin, max(width, style.bold(head).width(table.title)))
    above = head + size * rng.uniform(0.5, 1.5) if table.title else 0
    sheet = Sheet(style, width + 2 * margin, len(cells) * look.pitch * size + above + 2 * margin)
    if table.title:
        align = rng.choice((0, 0.5))
        sheet.write(margin + align * width, margin + head, table.title, style.bold(head), align=align)
    write(sheet, cells, look, size, (margin, margin + above, margin + width))
    return sheet


KIND = Kind(invent, lay_out)
