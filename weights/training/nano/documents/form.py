"""Fields with a label and a value, filled in."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.labels import fields
from training.nano.documents.names import plain
from training.nano.documents.questions import Pair, Topic, ask, called, counted, joined, miss, mixed
from training.nano.documents.sheet import LARGEST_PX, Sheet
from training.nano.documents.style import SIZES, Style, blend, near
from training.nano.fonts import Font
from training.nano.words import Words

_TITLES = (
    "Registration", "Registration form", "Customer details", "Application", "Profile", "Order details",
    "Shipping label",
    "Patient record", "Employee record", "Contact", "Booking confirmation", "Account", "Membership", "Delivery note",
    "Certificate", "Work order", "Service request", "Personal data", "Anmeldung", "Formulaire", "Phiếu đăng ký",
    "Datos personales", "Boarding pass", "Ticket", "Settings", "Summary",
)  # fmt: skip
_COUNT = Topic("field", (
    "How many fields are there?", "number of fields?", "How many fields does the form have?", "Count the fields.",
    "How many entries are there?", "how many fields",
), key="number")  # fmt: skip
_LABELS = Topic("field", (
    "Which fields are there?", "What are the fields?", "List the fields.", "fields?", "Which labels are there?",
    "Name the fields.", "What information is given?",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """title: may be empty. colon: after each label. strangers: labels that are not there."""

    title: str
    colon: str
    fields: tuple[tuple[str, str], ...]
    strangers: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple((label, "") for label, _ in self.fields)

    def questions(self, rng: Random) -> list[Pair]:
        here = [ask(rng, topics.FIELD, value, called(rng, label)) for label, value in self.fields for _ in range(2)]
        here += [ask(rng, topics.TITLE, self.title)] if self.title else []
        here.append(ask(rng, _COUNT, len(self.fields)))
        here += [ask(rng, _LABELS, joined([label for label, _ in self.fields]))] if len(self.fields) < 6 else []
        missing = [miss(rng, topics.FIELD, called(rng, label)) for label in self.strangers for _ in range(2)]
        missing += topics.strangers(rng, topics.DATE, topics.TIME, topics.PAYMENT, topics.SHOP, topics.TITLE)
        return mixed(rng, here, missing if self.title else [*missing, miss(rng, topics.TITLE)])

    def describe(self) -> str:
        titled = f" titled {self.title}" if self.title else ""
        first = joined([f"{label} is {value}" for label, value in self.fields[:2]])
        return f"A form{titled} with {counted(len(self.fields), 'field')}. {first}."


def invent(rng: Random, words: Words) -> Form:
    found = fields(rng, words, rng.randint(3, 12) + 3)
    own = f"{plain(rng, words)} {rng.choice(('form', 'data', 'details', 'sheet'))}"
    title = rng.choice((rng.choice(_TITLES), own)) if rng.random() < 0.75 else ""
    strangers = tuple(label for label, _ in found[:3])
    return Form(title, rng.choice((":", ":", "", " :")), tuple(found[3:]), strangers)


def lay_out(rng: Random, style: Style, form: Form) -> Sheet:
    across = 2 if len(form.fields) > 3 and rng.random() < 0.25 else 1
    kind = rng.choice(("plain", "columns", "columns", "boxed", "below", "underlined", "right"))
    size, head, pitch = near(rng.triangular(12, 32, 16)), rng.choice((1, 1.3, 1.7, 2.2)), rng.uniform(1.3, 2.4)
    pitch = pitch if kind in ("plain", "columns", "right") else max(1.9, pitch)
    rows = -(-len(form.fields) // across) * (2 if kind == "below" else 1)
    while size > SIZES[0] and (
        _width(style, form, size) * across > LARGEST_PX - 60 or (rows + 3) * pitch * size > LARGEST_PX - 60
    ):
        size = near(size - 1)
    margin, slack = size * rng.uniform(0.7, 3), rng.choice((1, 1, 1.2, 1.5))
    width = max(_width(style, form, size) * slack * across, style.bold(head * size).width(form.title))
    sheet = Sheet(style, width + 2 * margin, (rows + 2 * head) * pitch * size + 2 * margin)
    y = margin
    if form.title:
        y += head * size
        align = rng.choice((0, 0, 0.5))
        edge = margin if align == 0 else sheet.width / 2
        sheet.write(edge, y, form.title, style.bold(head * size), align=align)
        y += size * rng.uniform(0.4, 1.2)
    cells = _Cells(sheet, form, kind, size, pitch)
    width = (sheet.width - 2 * margin) / across
    for start in range(0, len(form.fields), across):
        for n in range(start, min(start + across, len(form.fields))):
            cells.write(n, margin + (n - start) * width, y, width)
        y += pitch * size * (2 if kind == "below" else 1)
    sheet.crop(y + margin)
    return sheet


def _width(style: Style, form: Form, size: float) -> float:
    plain, bold = style.font(size), style.bold(size)
    labels = max(bold.width(label + form.colon) for label, _ in form.fields)
    return labels + max(plain.width(value) for _, value in form.fields) + 3 * size


class _Cells:
    """Writes one field after the other in one manner."""

    def __init__(self, sheet: Sheet, form: Form, kind: str, size: int, pitch: float) -> None:
        self.sheet, self.form, self.kind, self.size, self.pitch = sheet, form, kind, size, pitch
        self.font = sheet.style.font(size)
        self.label_font: Font = sheet.style.bold(size) if len(form.fields) % 2 else self.font
        self.label_width = max(self.label_font.width(label + form.colon) for label, _ in form.fields)
        self.box = blend(sheet.style.paper, sheet.style.ink, 0.04)

    def write(self, n: int, x: float, y: float, width: float) -> None:
        label, value = self.form.fields[n]
        size, sheet, kind = self.size, self.sheet, self.kind
        baseline = y + 0.5 * self.pitch * size + 0.35 * size
        if kind == "below":
            sheet.write(x, baseline, label + self.form.colon, self.label_font)
            baseline += self.pitch * size
            self._frame(x, baseline, x + width - size)
            sheet.write(x + 0.5 * size, baseline, value, self.font)
            return
        end = sheet.write(x, baseline, label + self.form.colon, self.label_font)
        if kind == "plain":
            sheet.write(end + 0.4 * size, baseline, value, self.font)
            return
        start, right = x + self.label_width + size, x + width - 0.6 * size
        if kind == "right":
            sheet.write(right, baseline, value, self.font, align=1)
            return
        if kind == "boxed":
            self._frame(start - 0.5 * size, baseline, right)
        if kind == "underlined":
            sheet.rule(start, right, baseline + 0.3 * size)
        sheet.write(start, baseline, value, self.font)

    def _frame(self, left: float, baseline: float, right: float) -> None:
        half = 0.5 * min(self.pitch - 0.25, 1.9) * self.size
        middle = baseline - 0.35 * self.size
        box = (round(left), round(middle - half), round(right), round(middle + half))
        self.sheet.draw.rectangle(box, fill=self.box, outline=self.sheet.style.dim)


KIND = Kind(invent, lay_out)
