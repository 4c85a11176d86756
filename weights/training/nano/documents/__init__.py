"""Whole pictures with their text, questions about them and a description. To add a kind, write a module that ends in
`KIND = Kind(...)` and name it here."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from training.nano.documents import article, chart, dialog, form, invoice, label, listing, receipt, scene, table
from training.nano.documents.document import Content, Document, Kind
from training.nano.documents.questions import DESCRIBE_REQUESTS, contradicted
from training.nano.documents.style import Style, choose
from training.nano.effects import photograph
from training.nano.sample import Source

__all__ = ["DESCRIBE_REQUESTS", "KINDS", "Document", "draw", "photograph"]

KINDS: dict[str, Kind[Any]] = {
    "receipt": receipt.KIND,
    "invoice": invoice.KIND,
    "form": form.KIND,
    "table": table.KIND,
    "chart": chart.KIND,
    "scene": scene.KIND,
    "dialog": dialog.KIND,
    "article": article.KIND,
    "listing": listing.KIND,
    "label": label.KIND,
}


def draw(rng: Random, source: Source, kind: str) -> Document:
    content, style = _content(rng, source, KINDS[kind])
    sheet = KINDS[kind].lay_out(rng, style, content)
    lines, boxes = sheet.lines()
    places = np.array([*boxes, *(thing.box for thing in sheet.things)], np.float32).reshape(-1, 4)
    picture, places = photograph(rng, sheet.image, places, source.effects, true_colours=KINDS[kind].coloured)
    moved = places[len(lines) :].tolist()
    things = [thing._replace(box=tuple(box)) for thing, box in zip(sheet.things, moved, strict=True)]
    text = "\n".join(lines)
    questions = tuple(pair for pair in content.questions(rng) if not contradicted(pair, text))
    whole = f"{kind} on {sheet.ground}" if sheet.ground else kind
    entries = content.entries
    return Document(picture, lines, places[: len(lines)], tuple(things), entries, whole, questions, content.describe())


def _content(rng: Random, source: Source, kind: Kind[Any]) -> tuple[Content, Style]:
    """A content that one of the fonts can print."""
    mono = rng.random() < kind.mono
    faces = [face for face in source.faces if face.mono or not mono]
    while True:
        content = kind.invent(rng, source.words)
        style = choose(rng, faces, source.effects, frozenset(repr(content)))  # every text of it stands there
        if style is not None:
            return content, style
