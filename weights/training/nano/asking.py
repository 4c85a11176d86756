"""Documents with questions about them, as the engine asks: the whole picture, what was read of it and its figures;
first it is counted what there is, then it is found where an answer stands, then the question follows."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from mlxvision.engine.plan import shorten_transcript
from mlxvision.reading import Figure, list_figures, overview
from mlxvision.types import Box
from training.nano.characters import CHARACTERS, as_written
from training.nano.documents import DESCRIBE_REQUESTS, Document, draw
from training.nano.documents.questions import Pair
from training.nano.finding import NOTHING, find
from training.nano.inventory import inventory
from training.nano.model import GRID, PATCH
from training.nano.recall import recall
from training.nano.sample import Sample, Source

TRANSCRIPT_CHARS = 1200

LOOK_REQUEST = "Look."
"""What the engine asks first of every picture."""

FIND_REQUEST = "Find: "
"""What the engine puts before a question first, to be told where its answer stands."""

LOOK_PATCHES = 12
"""The whole picture is that long or high."""

_TILE, _LOOK, _CORNER = (GRID, GRID), (LOOK_PATCHES, LOOK_PATCHES), (6, 12)
DOCUMENT_SIZES = {_TILE: 1, _LOOK: 8, _CORNER: 16}
"""Canvases in patches: the one that the engine shows, its used part alone, and a corner, which is enough for documents
whose answers stand in their text."""

_WITH_PICTURE = {"scene": 10, "chart": 7, "label": 2, "receipt": 1, "dialog": 1, "article": 1}
_WITH_TEXT = {
    "receipt": 10, "invoice": 5, "form": 6, "table": 4, "dialog": 2, "article": 1, "listing": 1, "chart": 6, "scene": 6,
}  # fmt: skip
_FEWEST_QUESTIONS = 4
_AT_ONCE = 0.1
"""The share of questions that are answered without saying where, as those before the last of a conversation are."""

_PHANTOMS = 0.15
_RECALL = 0.25
"""The share of small canvases that show nothing and only have a text that is asked for."""


def ask(rng: Random, source: Source, size: tuple[int, int]) -> Sample:
    """size: rows and columns of patches."""
    rows, columns = size
    if size == _CORNER and rng.random() < _RECALL:
        transcript, turns = recall(rng, source.words)
        return Sample(np.full((rows * PATCH, columns * PATCH, 3), 255, np.uint8), opening(transcript, turns))
    kinds = _WITH_TEXT if size == _CORNER else _WITH_PICTURE
    document = draw(rng, source, rng.choices(list(kinds), list(kinds.values()))[0])
    read, listed = as_written(misread(rng, document)), _listing(document)
    transcript = shorten_transcript(read, TRANSCRIPT_CHARS)
    seen = inventory(document, transcript)
    pairs = [(LOOK_REQUEST, seen)]
    for pair in _some_questions(rng, document):
        found = find(pair, [*read.splitlines(), *listed.splitlines()], seen.splitlines())
        if found.copied in f"{transcript}\n{listed}\n{seen}\n{NOTHING}":
            pairs += [(FIND_REQUEST + pair.question, found.text)] if rng.random() > _AT_ONCE else []
            pairs.append((pair.question, pair.answer))
    picture, _ = overview(document.picture, LOOK_PATCHES * PATCH, GRID * PATCH)
    told = "\n\n".join(filter(None, (transcript, listed)))
    return Sample(picture[: rows * PATCH, : columns * PATCH], opening(told, pairs))


def _some_questions(rng: Random, document: Document) -> list[Pair]:
    fewest = min(len(document.questions), _FEWEST_QUESTIONS)
    pairs = rng.sample(document.questions, rng.randint(fewest, len(document.questions)))
    if rng.random() < 0.3:
        described = Pair(rng.choice(DESCRIBE_REQUESTS), document.description, "picture")
        pairs.insert(rng.randint(0, len(pairs)), described)
    return pairs


def _listing(document: Document) -> str:
    things = document.things
    figures = [Figure(Box(*map(round, thing.box)), thing.size) for thing in things]
    return list_figures(figures, [thing.name for thing in things], [thing.words for thing in things])


def opening(transcript: str, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The conversation, whose first question follows what was read."""
    (question, answer), *others = pairs
    return ((f"{transcript}\n\n{question}" if transcript else question, answer), *others)


def misread(rng: Random, document: Document) -> str:
    """The text with some mistakes, as a reader makes them, in lines of which no answer speaks, or where nothing is."""
    if not document.lines and rng.random() < _PHANTOMS:
        return "".join(rng.choices(CHARACTERS, k=rng.randint(1, 5)))
    rate = rng.choice((0.0, 0.0, 0.01, 0.04))
    answers = {pair.answer for pair in document.questions} | {name for name, _ in document.entries}
    listed = [word for thing in document.things for word in thing.words]
    return "\n".join(
        line if any(answer in line for answer in answers) else _with_mistakes(rng, line, rate)
        for line in document.lines
        if not any(f" {word} " in f" {line} " for word in listed)
    )


def _with_mistakes(rng: Random, line: str, rate: float) -> str:
    return "".join(rng.choice(("", rng.choice(CHARACTERS), c + c)) if rng.random() < rate else c for c in line)
