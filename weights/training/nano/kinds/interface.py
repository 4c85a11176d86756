"""Pieces of a user interface: rows of buttons, menus, tabs, list entries."""

from __future__ import annotations

from random import Random

from training.nano.page import Page
from training.nano.sample import Canvas, Sample, Source

_LABELS = (
    "OK", "Cancel", "Save", "Save as…", "Open", "Close", "File", "Edit", "View", "Help", "Settings", "Sign in",
    "Log out", "Search", "Next", "Back", "Delete", "Yes", "No", "Apply", "New tab", "Preferences", "Copy", "Paste",
    "Undo", "Share", "Home", "Profile", "Submit", "Continue", "Retry", "Loading…", "Downloads", "Lưu", "Hủy",
    "Đóng", "Tìm kiếm", "Abbrechen", "Übernehmen", "Enregistrer", "Annuler", "Guardar", "Ctrl+C", "Ctrl+Shift+P",
    "F5", "Alt+F4",
)  # fmt: skip


def draw(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas)
    page.start()
    page.pitch *= 1.25
    while page.baseline < page.height:
        labels = [
            rng.choice(_LABELS) if rng.random() < 0.55 else source.words.word(rng) for _ in range(rng.randint(1, 5))
        ]
        _row(page, labels, rng.choice(("plain", "plain", "filled", "outlined")))
        page.feed()
    return page.read()


def _row(page: Page, labels: list[str], style: str) -> None:
    pad = page.font.size * page.rng.uniform(0.3, 1.1)
    segments, x = [], page.margin + pad
    for label in labels:
        end = x + page.font.width(label)
        if end + pad > page.width or not page.font.face.prints(label):
            break
        segments.append((x, label))
        x = end + 2.5 * pad
    top, bottom = page.baseline - 1.05 * page.font.size, page.baseline + 0.4 * page.font.size
    if not segments or top < 0 or bottom > page.height:
        return
    if style != "plain":
        for left, label in segments:
            box = (left - pad, top, left + page.font.width(label) + pad, bottom)
            fill = page.ink_colour if style == "filled" else None
            page.draw.rounded_rectangle(box, page.font.size * 0.3, fill=fill, outline=page.ink_colour)
    page.write(segments, page.background if style == "filled" else None)
