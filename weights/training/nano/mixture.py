"""Which pictures a step is made of: a part is one batch, all of one canvas size.

Every part follows from its number alone, so that a run goes on where it stopped, on any number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from training.nano.characters import END_OF_TURN, encode, prompt
from training.nano.fonts import load_faces
from training.nano.kinds import KINDS
from training.nano.model import GRID, PATCH, SLOTS
from training.nano.sample import Canvas, Sample, Source
from training.nano.words import Words

T = TypeVar("T")

IGNORE = -100
_EASY_UNTIL, _FULL_FROM = 400, 2000
"""The first parts are plain words and short lines on small canvases, from which alignment is learned soonest. From the
first of these numbers to the second they become rarer."""

_EASY_DESIGNS = frozenset(("Arial", "DejaVu Sans", "DejaVu Sans Mono", "Helvetica", "Inter", "Roboto", "Times"))

_EASY_SIZES = {(2, 12): 1, (3, 12): 3, (3, 20): 2, (3, 28): 3}
_SIZES = {
    (2, 12): 1, (3, 12): 1, (3, 20): 2, (2, 28): 1, (3, 28): 5, (4, 28): 3, (5, 28): 2, (6, 28): 2, (8, 28): 2,
    (11, 28): 2, (16, 28): 1, (28, 28): 4,
}  # fmt: skip
_EASY_KINDS = {"words": 3, "line": 1, "prose": 1}
_LINE_KINDS = {
    "words": 2, "line": 5, "prose": 3, "values": 3, "accented": 2, "vietnamese": 3,
    "receipt": 1, "form": 1, "interface": 1, "terminal": 2,
}  # fmt: skip
_BLOCK_KINDS = {
    "paragraph": 6, "vietnamese paragraph": 2, "receipt": 4, "form": 3, "interface": 2, "terminal": 3, "line": 1,
}  # fmt: skip
_LINE_ROWS = 3
"""Canvases of at most so many patch rows hold one line, as a rule."""


class Batch(NamedTuple):
    """pictures: (B, H, W, 3) uint8. row, column: where the pictures lie on the grid of patches.

    ids: (B, L). labels: (B, L), what follows each id where it belongs to the answer, else IGNORE.
    patches: (B, L), the patch of the canvas on which the label is printed, or -1.
    dense: (B, P, SLOTS), the character centred in each part of each patch, 0 for none, IGNORE where not known.
    """

    pictures: torch.Tensor
    row: int
    column: int
    ids: torch.Tensor
    labels: torch.Tensor
    patches: torch.Tensor
    dense: torch.Tensor

    def to(self, device: str) -> Batch:
        return Batch(*(x.to(device) if isinstance(x, torch.Tensor) else x for x in self))


class Parts(torch.utils.data.Dataset):
    """The batches of a run by number. budget: patches in each batch, about."""

    def __init__(self, work: Path, seed: int, budget: int) -> None:
        faces, words = load_faces(work, held=False), Words(held=False)
        easy_faces = tuple(face for face in faces if face.design in _EASY_DESIGNS)
        self._easy_source = Source(easy_faces, words, effects=0.0)
        self._sources = [Source(faces, words, effects) for effects in (0.1, 0.5, 1.0)]
        self._seed, self._budget = seed, budget

    def __getitem__(self, part: int) -> Batch:
        rng = Random(f"{self._seed} {part}")
        easy = rng.random() < (_FULL_FROM - part) / (_FULL_FROM - _EASY_UNTIL)
        rows, columns = _choose(rng, _EASY_SIZES if easy else _SIZES)
        count = max(2, self._budget // (rows * columns))
        samples = [self._sample(rng, easy, rows, columns) for _ in range(count)]
        return collate(samples, rng.randint(0, GRID - rows), rng.randint(0, GRID - columns))

    def _sample(self, rng: Random, easy: bool, rows: int, columns: int) -> Sample:
        source = self._easy_source if easy else rng.choice(self._sources)
        kinds = _EASY_KINDS if easy else _LINE_KINDS if rows <= _LINE_ROWS else _BLOCK_KINDS
        return draw(rng, source, kinds, (rows, columns))


def draw(rng: Random, source: Source, kinds: Mapping[str, int], size: tuple[int, int]) -> Sample:
    """A picture of one of the kinds, with black beside and below it as a processor pads it; size in patches."""
    rows, columns = size
    while True:
        used = rng.randint(3, rows) if rows > _LINE_ROWS and rng.random() < 0.4 else rows
        height, width = used * PATCH - rng.choice((0, rng.randrange(PATCH))), columns * PATCH
        if rng.random() < 0.15:
            width -= rng.randrange(4 * PATCH)
        sample = KINDS[_choose(rng, kinds)](rng, source, Canvas(height, width))
        if sample is not None:
            return _padded(sample, rows * PATCH, columns * PATCH)


def collate(samples: list[Sample], row: int, column: int) -> Batch:
    _, width, _ = samples[0].picture.shape
    prompts = [prompt(sample.turns) for sample in samples]
    answers = [[*encode(sample.answer), END_OF_TURN] for sample in samples]
    length = max(len(p) + len(a) - 1 for p, a in zip(prompts, answers, strict=True))
    ids = np.zeros((len(samples), length), np.int64)
    labels, patches = np.full_like(ids, IGNORE), np.full_like(ids, -1)
    pictures = np.stack([sample.picture for sample in samples])
    dense = np.full((len(samples), pictures[0, ..., 0].size // PATCH**2, SLOTS), IGNORE, np.int64)
    for b, (p, a, sample) in enumerate(zip(prompts, answers, samples, strict=True)):
        first = len(p) - 1
        ids[b, : len(p) + len(a) - 1] = p + a[:-1]
        labels[b, first : first + len(a)] = a
        if sample.centres is not None:
            on, slot = _locate(sample.centres, width // PATCH)
            patches[b, first : first + len(on)] = on
            seen = np.array([not character.isspace() for character in sample.answer])
            dense[b] = 0
            dense[b, on[seen], slot[seen]] = np.array(a[:-1])[seen]
    pixels, *rest = map(torch.from_numpy, (pictures, ids, labels, patches, dense))
    return Batch(pixels, row, column, *rest)


def _locate(centres: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The patch and the slot within it of each point."""
    x, y = centres[:, 0] / PATCH, (centres[:, 1] / PATCH).astype(int)
    return y * columns + x.astype(int), (x % 1 * SLOTS).astype(int)


def _padded(sample: Sample, height: int, width: int) -> Sample:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: sample.picture.shape[0], : sample.picture.shape[1]] = sample.picture
    return Sample(picture, sample.turns, sample.answer, sample.centres)


def _choose(rng: Random, weights: Mapping[T, int]) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]
