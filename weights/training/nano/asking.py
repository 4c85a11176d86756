"""Documents with questions about them, as the engine asks: the whole picture, what was read of it, then a question."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import PIL.Image

from mlxvision.engine.plan import shorten_transcript
from mlxvision.families.mllama.preprocess import fit
from training.nano.characters import CHARACTERS, as_written
from training.nano.documents import DESCRIBE_REQUESTS, Document, draw
from training.nano.model import GRID, PATCH
from training.nano.recall import recall
from training.nano.sample import Sample, Source

TRANSCRIPT_CHARS = 1200

DOCUMENT_SIZES = {(GRID, GRID): 1, (6, 12): 3}
"""Canvases in patches. The small one shows a corner only: enough for documents whose answers stand in their text."""

_WITH_PICTURE = {
    "scene": 10, "chart": 10, "label": 1, "receipt": 1, "invoice": 1, "form": 1, "table": 1, "dialog": 1, "article": 1,
    "listing": 1,
}  # fmt: skip
_WITH_TEXT = {
    "receipt": 10, "invoice": 5, "form": 6, "table": 4, "dialog": 2, "article": 1, "listing": 1,
}  # fmt: skip
_MOST_QUESTIONS = 7
_RECALL = 0.25
"""The share of small canvases that show nothing and only have a text that is asked for."""


def ask(rng: Random, source: Source, size: tuple[int, int]) -> Sample:
    """size: rows and columns of patches."""
    rows, columns = size
    if size != (GRID, GRID) and rng.random() < _RECALL:
        transcript, turns = recall(rng, source.words)
        return Sample(np.full((rows * PATCH, columns * PATCH, 3), 255, np.uint8), opening(transcript, turns))
    kinds = _WITH_PICTURE if size == (GRID, GRID) else _WITH_TEXT
    document = draw(rng, source, rng.choices(list(kinds), list(kinds.values()))[0])
    pairs = rng.sample(document.questions, min(len(document.questions), rng.randint(1, _MOST_QUESTIONS)))
    if rng.random() < 0.4:
        pairs.insert(rng.randint(0, len(pairs)), (rng.choice(DESCRIBE_REQUESTS), document.description))
    transcript = shorten_transcript(as_written(misread(rng, document)), TRANSCRIPT_CHARS)
    turns = opening(transcript, pairs)
    whole, scale = on_tile(document.picture)
    things = tuple(thing._replace(box=tuple(scale * x for x in thing.box)) for thing in document.things)
    return Sample(whole[: rows * PATCH, : columns * PATCH], turns, things)


def opening(transcript: str, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The conversation, whose first question follows what was read."""
    (question, answer), *others = pairs
    return ((f"{transcript}\n\n{question}" if transcript else question, answer), *others)


def on_tile(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture as the processor scales it onto its one tile, black beside or below it, and the scale."""
    side = GRID * PATCH
    height, width = fit(*picture.shape[:2], side, side, side)
    canvas = np.zeros((side, side, 3), np.uint8)
    scaled = PIL.Image.fromarray(picture).resize((width, height), PIL.Image.Resampling.BILINEAR)
    canvas[:height, :width] = np.asarray(scaled)
    return canvas, width / picture.shape[1]


def misread(rng: Random, document: Document) -> str:
    """The text with some mistakes, as a reader makes them, in lines of which no answer speaks."""
    rate = rng.choice((0.0, 0.0, 0.01, 0.04))
    answers = {answer for _, answer in document.questions}
    return "\n".join(
        line if any(answer in line for answer in answers) else _with_mistakes(rng, line, rate)
        for line in document.lines
    )


def _with_mistakes(rng: Random, line: str, rate: float) -> str:
    return "".join(rng.choice(("", rng.choice(CHARACTERS), c + c)) if rng.random() < rate else c for c in line)
