"""Which pictures a step is made of: a part is one batch, all of one canvas size.

Every part follows from its number alone, so that a run goes on where it stopped, on any number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import torch

from training.nano.asking import DOCUMENT_SIZES, ask
from training.nano.characters import ROW_MARKS, conversation, encode
from training.nano.cutting import cut_rows
from training.nano.fonts import load_faces
from training.nano.model import GRID, PATCH, SLOTS
from training.nano.rows import ROW_PX, Row, draw_row, stack
from training.nano.sample import Sample, Source
from training.nano.words import Words

IGNORE = -100
UNSEEN = frozenset(" \n" + ROW_MARKS)
READ_REQUEST = "OCR"
"""What the reading plan says with a canvas of rows."""

_EASY_PARTS = 300
"""The first parts of seeing and of answering show few designs without any effects: the soonest way to learn either."""
_EASY_DESIGNS = frozenset(("Arial", "DejaVu Sans", "DejaVu Sans Mono", "Helvetica", "Inter", "Roboto", "Times"))

_CUT = 0.2
"""The share of canvases of rows whose rows the engine's reading plan cut out of documents."""

_ROW_PATCHES = ROW_PX // PATCH
_ROW_COUNTS = {1: 2, 2: 2, 3: 2, 5: 3, 9: 5}


class Batch(NamedTuple):
    """shows: a word for the log. pictures: (B, H, W, 3) uint8, at the top left of the grid of patches.

    ids: (B, L). labels: (B, L), what follows each id where it belongs to an answer, else IGNORE.
    patches: (B, L), the patch of the canvas on which the label is printed, or -1.
    dense: (B, P, SLOTS), the character centred in each part of each patch, 0 for none, IGNORE where not known.
    """

    shows: str
    pictures: torch.Tensor
    ids: torch.Tensor
    labels: torch.Tensor
    patches: torch.Tensor
    dense: torch.Tensor

    def to(self, device: str) -> Batch:
        return Batch(*(x.to(device) if isinstance(x, torch.Tensor) else x for x in self))


class Parts(torch.utils.data.Dataset):
    """The batches of a run by number.

    budget: patches and tokens in each batch, about. answering_from: the first part for which the decoder is trained.
    asking: the share of the parts from then on that are documents with questions, the rest being rows to read.
    """

    def __init__(self, work: Path, seed: int, budget: int, answering_from: int, asking: float) -> None:
        faces, words = load_faces(work, held=False), Words(held=False)
        easy_faces = tuple(face for face in faces if face.design in _EASY_DESIGNS)
        self._easy_source = Source(easy_faces, words, effects=0.0)
        self._sources = [Source(faces, words, effects) for effects in (0.2, 0.6, 1.0)]
        self._seed, self._budget, self._answering_from, self._asking = seed, budget, answering_from, asking

    def __getitem__(self, part: int) -> Batch:
        rng = Random(f"{self._seed} {part}")
        if part >= self._answering_from + _EASY_PARTS and rng.random() < self._asking:
            return self._documents(rng)
        n_rows = rng.choices(list(_ROW_COUNTS), list(_ROW_COUNTS.values()))[0]
        count = max(1, round(self._budget / (n_rows * (_ROW_PATCHES * GRID + 30))))
        easy = part < _EASY_PARTS or 0 <= part - self._answering_from < _EASY_PARTS
        if part > self._answering_from and not easy and rng.random() < _CUT:
            shows, samples = "cut rows", self._cut_sheets(rng, n_rows, count)
        else:
            shows = "rows" if n_rows > 1 else "single rows"
            samples = [self._sheet(rng, easy, n_rows) for _ in range(count)]
        return collate(shows, samples)

    def _sheet(self, rng: Random, easy: bool, n_rows: int) -> Sample:
        source = self._easy_source if easy else rng.choice(self._sources)
        return _read([draw_row(rng, source, GRID * PATCH) for _ in range(_filled(rng, n_rows))], n_rows)

    def _cut_sheets(self, rng: Random, n_rows: int, count: int) -> list[Sample]:
        samples, rows = [], []
        while len(samples) < count:
            while len(rows) < n_rows:
                rows += cut_rows(rng, rng.choice(self._sources))
            filled = _filled(rng, n_rows)
            samples.append(_read(rows[:filled], n_rows))
            rows = rows[filled:]
        return samples

    def _documents(self, rng: Random) -> Batch:

        rows, columns = rng.choices(list(DOCUMENT_SIZES), list(DOCUMENT_SIZES.values()))[0]
        samples: list[Sample] = []
        cost = 0
        while cost < self._budget:
            samples.append(ask(rng, rng.choice(self._sources), (rows, columns)))
            cost += rows * columns + sum(len(asked) + len(answer) + 12 for asked, answer in samples[-1].turns)
        return collate("questions", samples)


def _filled(rng: Random, n_rows: int) -> int:
    """The last canvas of a page is seldom full."""
    return rng.randint(1, n_rows) if rng.random() < 0.3 else n_rows


def _read(rows: list[Row], n_rows: int) -> Sample:
    """A canvas of n_rows with the request to read it."""
    picture, text, centres = stack(rows, n_rows, GRID * PATCH)
    return Sample(picture, ((READ_REQUEST, text),), centres)


def collate(shows: str, samples: Sequence[Sample]) -> Batch:
    columns = samples[0].picture.shape[1] // PATCH
    talks = [conversation(sample.turns) for sample in samples]
    length = max(len(ids) for ids, _ in talks) - 1
    ids = np.zeros((len(samples), length), np.int64)
    labels, patches = np.full_like(ids, IGNORE), np.full_like(ids, -1)
    pictures = np.stack([sample.picture for sample in samples])
    dense = np.full((len(samples), pictures[0, ..., 0].size // PATCH**2, SLOTS), IGNORE, np.int64)
    for b, ((said, written), sample) in enumerate(zip(talks, samples, strict=True)):
        ids[b, : len(said) - 1] = said[:-1]
        labels[b, : len(said) - 1] = np.where(written[1:], said[1:], IGNORE)
        if sample.centres is not None:
            answer = sample.turns[0][1]
            on, slot = _locate(sample.centres, columns)
            first = written.index(True) - 1
            patches[b, first : first + len(on)] = on
            seen = np.array([character not in UNSEEN for character in answer])
            dense[b] = 0
            dense[b, on[seen], slot[seen]] = np.array(encode(answer))[seen]
    pixels, *rest = map(torch.from_numpy, (pictures, ids, labels, patches, dense))
    return Batch(shows, pixels, *rest)


def _locate(centres: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The patch and the slot within it of each point."""
    x, y = centres[:, 0] / PATCH, (centres[:, 1] / PATCH).astype(int)
    return y * columns + x.astype(int), (x % 1 * SLOTS).astype(int)
