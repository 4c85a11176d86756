"""A window with a message and buttons."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.names import plain
from training.nano.documents.questions import Pair, Topic, ask, joined, miss, mixed
from training.nano.documents.sheet import Sheet, wrap
from training.nano.documents.style import Colour, Style, blend, contrast, near, shade
from training.nano.words import Words

_MESSAGE = Topic("message", (
    "What does the message say?", "What is the message?", "message?", "Read the message.", "What does the dialog say?",
    "What does it say?", "What does the window ask?", "the message",
))  # fmt: skip
_COUNT = Topic("button", (
    "How many buttons are there?", "number of buttons?", "Count the buttons.", "How many buttons does the window have?",
    "how many buttons", "What is the number of buttons?",
), key="number")  # fmt: skip
_HAS = Topic("{} button", (
    "Is there a {} button?", "Can I press {}?", "is there a button {}?", "Does it have a {} button?", "{} button?",
    "Can I click {}?",
))  # fmt: skip

_BUTTONS = (
    ("OK",), ("OK", "Cancel"), ("Cancel", "OK"), ("Yes", "No"), ("Yes", "No", "Cancel"), ("Save", "Cancel"),
    ("Save", "Don't save", "Cancel"), ("Delete", "Cancel"), ("Cancel", "Delete"), ("Retry", "Cancel"), ("Close",),
    ("Allow", "Deny"), ("Not now", "Install"), ("Restart now", "Later"), ("Back", "Next"), ("Sign in", "Cancel"),
    ("Skip", "Continue"), ("Accept", "Decline"), ("Got it",), ("Abort", "Retry", "Ignore"),
    ("Remind me later", "Update"),
    ("Replace", "Keep both", "Stop"), ("Hủy", "Lưu"), ("Đóng",), ("Có", "Không"), ("Abbrechen", "Speichern"),
    ("Ja", "Nein"),
    ("Annuler", "Enregistrer"), ("Oui", "Non"), ("Guardar", "Cancelar"), ("Aceptar",), ("Help", "Apply", "OK"),
)  # fmt: skip
_TITLES = (
    "Save changes?", "Error", "Warning", "Delete file?", "Confirm", "Update available", "Connection lost", "Sign in",
    "Information", "Replace file?", "Low battery", "Print", "Permission required", "Disk full", "Welcome", "Settings",
    "Log out?", "Network error", "Rename", "Download complete", "Lỗi", "Xác nhận", "Fehler", "Erreur", "Aviso",
)  # fmt: skip
_MESSAGES = (
    "Do you want to save the changes to {}?", "The file {} could not be found.", "{} is not responding.",
    "Are you sure you want to delete {}?", "This action cannot be undone.", "A new version of {} is available.",
    "The connection to {} was lost. Try again?", "Please enter your password for {}.", "{} wants to use your location.",
    "There is not enough space on {}.", "You have been signed out.",
    "Your changes will be lost if you don't save them.",
    "The download of {} is complete.", "{} already exists. Do you want to replace it?", "Access to {} was denied.",
    "An unknown error occurred while opening {}.", "Restart your computer to finish installing {}.",
    "Your session will expire in 5 minutes.", "The server returned an error: {}.", "Bạn có muốn lưu thay đổi không?",
    "Do you want to allow {} to make changes to your device?", "Please check your internet connection.",
    "Möchten Sie die Änderungen speichern?", "Voulez-vous enregistrer les modifications ?", "No se pudo abrir {}.",
    "Battery level is low. Connect your charger.", "{} has stopped working.", "Cannot connect to {}.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dialog:
    """title: may be empty. stranger: a button that is not there."""

    title: str
    message: str
    buttons: tuple[str, ...]
    stranger: str

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple((button, "") for button in self.buttons)

    def questions(self, rng: Random) -> list[Pair]:
        here = [
            ask(rng, _MESSAGE, self.message),
            ask(rng, topics.SAYS, self.message),
            ask(rng, _COUNT, len(self.buttons)),
        ]
        here += [ask(rng, topics.BUTTONS, joined(self.buttons)) for _ in range(2)]
        here += [ask(rng, _HAS, "yes", rng.choice(self.buttons)), ask(rng, _HAS, "no", self.stranger)]
        here += [ask(rng, topics.TITLE, self.title) for _ in range(2)] if self.title else []
        missing = topics.strangers(rng, topics.BUTTONS, topics.TITLE)
        return mixed(rng, here, missing if self.title else [*missing, miss(rng, topics.TITLE), miss(rng, topics.TITLE)])

    def describe(self) -> str:
        titled = f" titled {self.title}" if self.title else ""
        buttons = f"the button{'s' * (len(self.buttons) > 1)} {joined(self.buttons)}"
        message = self.message if self.message[-1] in ".?!" else f"{self.message}."
        return f"A dialog{titled} with {buttons}. The message says: {message}"


def invent(rng: Random, words: Words) -> Dialog:
    file = f"{words.identifier(rng)}.{rng.choice(('txt', 'pdf', 'png', 'docx', 'zip', 'csv', 'mp3'))}"
    name = rng.choice((file, f"“{file}”", plain(rng, words), f"{plain(rng, words)} {rng.randint(1, 12)}"))
    message = " ".join(rng.sample(_MESSAGES, rng.choice((1, 1, 1, 2)))).replace("{}", name)
    title = rng.choice((rng.choice(_TITLES), rng.choice(_TITLES), plain(rng, words), file))
    buttons = rng.choice(_BUTTONS)
    stranger = rng.choice([b for some in _BUTTONS for b in some if b.lower() not in " ".join(buttons).lower()])
    return Dialog(title if rng.random() < 0.85 else "", message, buttons, stranger)


def lay_out(rng: Random, style: Style, dialog: Dialog) -> Sheet:
    size, pad = near(rng.triangular(12, 34, 17)), rng.uniform(0.8, 1.8)
    font, head = style.font(size), style.bold(size * rng.choice((1, 1, 1.25, 1.5)))
    labels = [font.width(label) + rng.uniform(1.4, 3) * size for label in dialog.buttons]
    pad *= size
    wide = sum(labels) + 0.6 * size * len(labels)
    inner = min(1000 - 2 * pad, max(wide, head.width(dialog.title) + 3 * size, size * rng.uniform(16, 30)))
    lines, pitch, icon = wrap(font, dialog.message, inner), rng.uniform(1.25, 1.6) * size, rng.random() < 0.3
    if icon:
        lines = wrap(font, dialog.message, inner - 3 * size)
    bar = 1.8 * head.size if dialog.title else 0
    width, height = inner + 2 * pad, bar + len(lines) * pitch + 2 * size + 2 * pad + 0.6 * size
    ground = rng.choice((0, 0, size * rng.uniform(0.5, 3)))
    sheet = Sheet(style, width + 2 * ground, height + 2 * ground)
    window = (ground, ground, sheet.width - ground, sheet.height - ground)
    _window(rng, sheet, window, ground > 0)
    if dialog.title:
        _title_bar(rng, sheet, dialog.title, window, head.size)
    x, y = ground + pad + (3 * size if icon else 0), ground + bar + 0.6 * pad
    if icon:
        circle = (ground + pad, y, ground + pad + 2 * size, y + 2 * size)
        sheet.draw.ellipse(circle, fill=shade(rng, rng.choice(("red", "yellow", "blue", "orange"))))
    for line in lines:
        y += pitch
        sheet.write(x, y, line, font)
    _buttons(
        rng, sheet, dialog.buttons, labels, (ground + pad, window[3] - 0.7 * pad - 2 * size, window[2] - pad, size)
    )
    return sheet


def _window(rng: Random, sheet: Sheet, box: tuple[float, float, float, float], framed: bool) -> None:
    if not framed:
        return
    desk: Colour = blend(sheet.style.paper, shade(rng, rng.choice(("blue", "gray", "black", "green", "purple"))), 0.6)
    sheet.draw.rectangle((0, 0, sheet.width, sheet.height), fill=desk)
    radius = rng.choice((0, 0, 6, 12))
    sheet.draw.rounded_rectangle(tuple(map(round, box)), radius, fill=sheet.style.paper, outline=sheet.style.dim)


def _title_bar(rng: Random, sheet: Sheet, title: str, window: tuple[float, float, float, float], size: int) -> None:
    left, top, right, _ = window
    font, height, style = sheet.style.bold(size), 1.8 * size, rng.choice(("plain", "filled", "line"))
    colour = sheet.style.ink
    if style == "filled":
        sheet.draw.rectangle((left, top, right, top + height), fill=sheet.style.accent)
        colour = contrast(sheet.style.accent)
    if style == "line":
        sheet.rule(left, right, top + height)
    middle = rng.random() < 0.3
    x = (left + right) / 2 if middle else left + 0.8 * size
    sheet.write(x, top + 1.25 * size, title, font, colour=colour, align=0.5 if middle else 0)
    if rng.random() < 0.4 and not middle:
        x, y, half = right - size, top + height / 2, 0.3 * size
        sheet.draw.line((x - half, y - half, x + half, y + half), fill=colour, width=2)
        sheet.draw.line((x - half, y + half, x + half, y - half), fill=colour, width=2)


def _buttons(
    rng: Random, sheet: Sheet, names: tuple[str, ...], widths: list[float], place: tuple[float, float, float, float]
) -> None:
    """place: left, top, right and the size of the text."""
    left, top, right, size = place
    gap, style, radius = 0.6 * size, rng.choice(("outlined", "filled", "first", "last")), rng.choice((0, 3, 8, 99))
    spare = right - left - sum(widths) - gap * (len(widths) - 1)
    x, bottom, font = left + spare * rng.choice((1, 1, 0.5, 0)), top + 1.9 * size, sheet.style.font(size)
    for n, (name, width) in enumerate(zip(names, widths, strict=True)):
        strong = style == "filled" or (style == "first" and n == 0) or (style == "last" and n == len(names) - 1)
        fill = sheet.style.accent if strong else blend(sheet.style.paper, sheet.style.ink, 0.07)
        box = (round(x), round(top), round(x + width), round(bottom))
        sheet.draw.rounded_rectangle(box, min(radius, 0.9 * size), fill=fill, outline=sheet.style.dim)
        colour = contrast(sheet.style.accent) if strong else sheet.style.ink
        sheet.write(x + width / 2, (top + bottom) / 2 + 0.35 * size, name, font, align=0.5, colour=colour)
        x += width + gap


KIND = Kind(invent, lay_out)
