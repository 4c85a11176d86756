"""Which pictures a step is made of: a part is one batch, all of one canvas size.

Every part follows from its number alone, so that a run goes on where it stopped, on any number of processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import torch

from training.nano.asking import DOCUMENT_SIZES, FIND_REQUEST, LOOK_REQUEST, ask
from training.nano.characters import (
    END_OF_TURN,
    ROW_MARKS,
    as_written,
    conversation,
    decode,
    encode,
    question,
    thing_id,
    written,
)
from training.nano.cutting import cut_figures, cut_rows
from training.nano.fonts import Face
from training.nano.model import GRID, PATCH, ROW_PATCHES, SLOTS
from training.nano.rows import draw_row, stack
from training.nano.sample import Row, Sample, Source
from training.nano.words import Words

IGNORE = -100
SOURCES = 4
_SHORTEST_COPY = 3
"""Of shorter answers, a number for example, one cannot tell whether they were read or counted."""

READ_REQUEST = "OCR"
"""What the reading plan asks of a canvas of rows."""

_ENTRY = re.compile(r"^\d+ (.+?)(?: \d+)?$", re.MULTILINE)
"""A line of an inventory."""

_EASY_PARTS = 300
"""The first parts of seeing and of answering show few designs without any effects: the soonest way to learn either."""
_EASY_DESIGNS = frozenset(("Arial", "DejaVu Sans", "DejaVu Sans Mono", "Helvetica", "Inter", "Roboto", "Times"))

_COUNTED, _BEGINNING = 0.15, 3.0
"""The weights of what is counted before a question is answered, which is long and mostly certain; and of the first
character of an answer, before which the answer must have been found, or of a colour or a shape, the rest of whose name
is certain."""

_DRAWN = 12
"""So many documents are drawn for a batch."""

_CUT = 0.2
"""The share of canvases of rows whose rows the engine's reading plan cut out of documents."""

_FIGURES = 0.4
"""The share of canvases of rows that show figures."""

_ROW_COUNTS = {1: 2, 2: 2, 3: 2, 5: 3, 9: 5}


class Batch(NamedTuple):
    """shows: a word for the log. pictures: (B, H, W, 3) uint8, at the top left of the grid of patches.

    ids: (B, L). row: (B, L), 0 for the conversation, or else the row that is read from here on: rows do not see each
    other. positions: (B, L), each row's follow those of the conversation.
    labels: (B, L), what follows each id where it belongs to an answer, else IGNORE. weight: (B, L), of each label.
    here, there: (B, L), the patches on which the id and the label are printed, or in the middle of the thing of which
    they speak, or -1.
    source: (B, L, SOURCES), where in the ids the label was read if the answer repeats what was said, or -1.
    dense: (B, P, SLOTS), the character centred in each part of each patch, or the colour and the shape of the thing in
    whose middle it lies; 0 for none, IGNORE where not known.
    """

    shows: str
    pictures: torch.Tensor
    ids: torch.Tensor
    row: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    weight: torch.Tensor
    here: torch.Tensor
    there: torch.Tensor
    source: torch.Tensor
    dense: torch.Tensor

    @property
    def asks(self) -> bool:
        return bool((self.labels != IGNORE).any())

    def to(self, device: str) -> Batch:
        return Batch(*(x.to(device) if isinstance(x, torch.Tensor) else x for x in self))


def sources_of(faces: Sequence[Face], words: Words) -> tuple[Source, list[Source]]:
    """(for the easy parts, for all others)"""
    plain = tuple(face for face in faces if face.design in _EASY_DESIGNS) or tuple(faces)
    return Source(plain, words, 0.0), [Source(tuple(faces), words, effects) for effects in (0.2, 0.6, 1.0)]


class Parts(torch.utils.data.Dataset):
    """The batches of a run by number.

    easy: of the first parts. budget: patches and tokens in each batch, about. answering_from: the first part for which
    the decoder is trained. asking: the share of the parts from then on that are documents with questions.
    """

    def __init__(
        self, easy: Source, sources: Sequence[Source], seed: int, budget: int, answering_from: int, asking: float
    ) -> None:
        self._easy, self._sources = easy, sources
        self._seed, self._budget, self._answering_from, self._asking = seed, budget, answering_from, asking

    def __getitem__(self, part: int) -> Batch:
        rng = Random(f"{self._seed} {part}")
        if part >= self._answering_from + _EASY_PARTS and rng.random() < self._asking:
            return self._documents(rng)
        n_rows = rng.choices(list(_ROW_COUNTS), list(_ROW_COUNTS.values()))[0]
        count = max(1, round(self._budget / (n_rows * (ROW_PATCHES * GRID + 30))))
        easy = part < _EASY_PARTS or 0 <= part - self._answering_from < _EASY_PARTS
        if part > self._answering_from and not easy and rng.random() < _FIGURES:
            shows, samples = "figures", self._cut_sheets(rng, n_rows, count, cut_figures)
        elif part > self._answering_from and not easy and rng.random() < _CUT:
            shows, samples = "cut rows", self._cut_sheets(rng, n_rows, count, cut_rows)
        else:
            shows = "rows" if n_rows > 1 else "single rows"
            samples = [self._sheet(rng, easy, n_rows) for _ in range(count)]
        return collate(shows, samples)

    def _sheet(self, rng: Random, easy: bool, n_rows: int) -> Sample:
        source = self._easy if easy else rng.choice(self._sources)
        rows = [draw_row(rng, source, GRID * PATCH) for _ in range(_filled(rng, n_rows))]
        return stack(rows, n_rows, GRID * PATCH)

    def _cut_sheets(
        self, rng: Random, n_rows: int, count: int, cut: Callable[[Random, Source], list[Row]]
    ) -> list[Sample]:
        samples, rows = [], []
        while len(samples) < count:
            while len(rows) < n_rows:
                rows += cut(rng, rng.choice(self._sources))
            filled = _filled(rng, n_rows)
            samples.append(stack(rows[:filled], n_rows, GRID * PATCH))
            rows = rows[filled:]
        return samples

    def _documents(self, rng: Random) -> Batch:
        """Some that are about equally long, of a larger number."""
        rows, columns = rng.choices(list(DOCUMENT_SIZES), list(DOCUMENT_SIZES.values()))[0]
        batches: list[list[Sample]] = []
        drawn = sorted((ask(rng, rng.choice(self._sources), (rows, columns)) for _ in range(_DRAWN)), key=_length)
        cost = self._budget
        for sample in drawn:
            if cost >= self._budget:
                batches.append([])
                cost = 0
            batches[-1].append(sample)
            cost += 2 * rows * columns + _length(sample)
        return collate("questions", rng.choice(batches))


def _length(sample: Sample) -> int:
    return sum(len(asked) + len(answer) + 12 for asked, answer in sample.turns)


def _filled(rng: Random, n_rows: int) -> int:
    """The last canvas of a page is seldom full."""
    return rng.randint(1, n_rows) if rng.random() < 0.3 else n_rows


def collate(shows: str, samples: Sequence[Sample]) -> Batch:
    talks = [_rows(sample) if sample.rows else _conversation(sample) for sample in samples]
    length = max(len(talk.ids) for talk in talks)
    pictures = np.stack([sample.picture for sample in samples])
    n_patches = pictures[0, ..., 0].size // PATCH**2
    dense = np.full((len(samples), n_patches, SLOTS), IGNORE, np.int64)
    for b, sample in enumerate(samples):
        if sample.rows and all(row.centres is not None for row in sample.rows):
            dense[b] = _dense(sample.rows, dense.shape[1])
    fields = zip(zip(*talks, strict=True), _PADDING, strict=True)
    padded = [np.stack([_pad(x, length, fill) for x in xs]) for xs, fill in fields]
    return Batch(shows, *map(torch.from_numpy, (pictures, *padded, dense)))


def _pad(x: np.ndarray, length: int, fill: int) -> np.ndarray:
    return np.concatenate([x, np.full((length - len(x), *x.shape[1:]), fill)])


class _Talk(NamedTuple):
    """As in `Batch`, of one sample."""

    ids: np.ndarray
    row: np.ndarray
    positions: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    here: np.ndarray
    there: np.ndarray
    source: np.ndarray


_PADDING = _Talk(0, 0, 0, IGNORE, 0, -1, -1, -1)  # pyright: ignore


def _conversation(sample: Sample) -> _Talk:
    said, written = map(np.array, conversation(sample.turns))
    n = len(said) - 1
    labels, nowhere = np.where(written[1:], said[1:], IGNORE), np.full(n, -1)
    turn = np.cumsum(np.diff(written.astype(int), prepend=0) > 0)[1:]
    counts = (turn == 1) & sample.turns[0][0].endswith(LOOK_REQUEST)
    begins = np.diff(written.astype(int)) > 0
    sources = _sources(said, written, [asked.startswith(FIND_REQUEST) for asked, _ in sample.turns])
    weight = np.where(counts, _COUNTED, np.where(begins, _BEGINNING, 1.0)).astype(np.float32)
    return _Talk(said[:-1], np.zeros(n, int), np.arange(n), labels, weight, nowhere, nowhere, sources)


def _places_of(words: str, text: str) -> np.ndarray:
    """Where whole words stand, large or small."""
    return np.array([found.start() for found in re.finditer(_whole(words), text, re.IGNORECASE)], int)


def _tail(quotation: str, told: str) -> str:
    """As much of the end of a quotation as was told."""
    cuts = range(len(quotation))
    return next((quotation[n:] for n in cuts if re.search(_whole(quotation[n:]), told, re.IGNORECASE)), "")


def _head(quotation: str, asked: str) -> str:
    """As much of the beginning of a quotation as was asked."""
    cuts = range(len(quotation), 0, -1)
    return next((quotation[:n] for n in cuts if re.search(_whole(quotation[:n]), asked, re.IGNORECASE)), "")


def _whole(words: str) -> str:
    return rf"(?<!\w){re.escape(words)}(?!\w)"


def _sources(said: np.ndarray, written: np.ndarray, finds: Sequence[bool]) -> np.ndarray:
    """Where each character of an answer was said before, if all of them were, and not more often than `SOURCES`.

    finds: for each turn, whether its answer is a quotation: it begins as the question has it and ends as it stands in
    what was told; where that begins, nobody can tell before its first character is written.
    """
    text = "".join(decode([i]) or "\n" for i in said)
    sources = np.full((len(written) - 1, SOURCES), -1)
    starts, ends = np.flatnonzero(np.diff(np.append(written, False).astype(int))).reshape(-1, 2).T
    quotes = []
    for before, start, end, finding in zip((0, *ends), starts, ends, finds, strict=False):
        answer = text[start + 1 : end]
        if finding:
            tail, head = _tail(answer, text[: ends[0]]), _head(answer, text[before:start])
            quotes += [(end - len(tail) + 1, tail[1:], _places_of(tail, text[: ends[0]]) + 1)]
            quotes += [(start + 1, head, before + _places_of(head, text[before:start]))]
        else:
            parts = [(0, answer), *((found.start(1), found[1]) for found in _ENTRY.finditer(answer))]
            quotes += [(start + 1 + n, part, _places_of(part, text[: start + n])) for n, part in parts]
    for first, quote, places in quotes:
        if len(quote) >= _SHORTEST_COPY and 1 <= len(places) <= SOURCES:
            free = int((sources[first - 1 : first - 1 + len(quote)] >= 0).sum(1).max())
            shown = places[: SOURCES - free] + np.arange(len(quote))[:, None]
            sources[first - 1 : first - 1 + len(quote), free : free + shown.shape[1]] = shown
    return sources


def _rows(sample: Sample) -> _Talk:
    """One after the other, each after its mark."""
    asked = np.array(question((), READ_REQUEST))
    n, nothing, no_source = len(asked), np.full(len(asked), -1), np.full((1, SOURCES), -1)
    parts = [
        _Talk(
            asked,
            np.zeros(n, int),
            np.arange(n),
            np.full(n, IGNORE),
            np.ones(n, np.float32),
            nothing,
            nothing,
            no_source.repeat(n, axis=0),
        )
    ]
    for i, (mark, row) in enumerate(zip(ROW_MARKS, sample.rows, strict=False), 1):
        ids = np.array(encode(mark + as_written(row.text)))
        places = _places(i - 1, row)[[0, *(1 + k for k in written(row.text))]]
        parts.append(
            _Talk(
                ids,
                np.full(len(ids), i),
                n + np.arange(len(ids)),
                np.append(ids[1:], END_OF_TURN),
                _weights(row),
                places,
                np.append(places[1:], -1),
                no_source.repeat(len(ids), axis=0),
            )
        )
    return _Talk(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def _weights(row: Row) -> np.ndarray:
    """Of each character and of the end."""
    text = as_written(row.text)
    begins = [bool(row.thing) and before == " " for before in f" {text}"]
    return np.where(begins, _BEGINNING, 1.0).astype(np.float32)


def _places(number: int, row: Row) -> np.ndarray:
    """The patches of a mark, which stands for the beginning of its row, and of the row's characters."""
    if row.centres is None:
        return np.full(1 + len(row.text), -1)
    return _middle(number) * GRID + np.append(0, row.centres // PATCH).astype(int)


def _middle(number: int) -> int:
    """The row of patches in the middle of a row of text."""
    return number * ROW_PATCHES + ROW_PATCHES // 2


def _dense(rows: Sequence[Row], n_patches: int) -> np.ndarray:
    dense = np.zeros((n_patches, SLOTS), np.int64)
    for i, row in enumerate(rows):
        if row.thing:
            dense[i * ROW_PATCHES * GRID : (i + 1) * ROW_PATCHES * GRID] = IGNORE
            dense[_places(i, row)[-1]] = thing_id(row.thing.colour), thing_id(row.thing.shape)
            continue
        seen = np.array([character != " " for character in row.text])
        x = row.centres[seen] / PATCH
        dense[_middle(i) * GRID + x.astype(int), (x % 1 * SLOTS).astype(int)] = np.array(encode(row.text))[seen]
    return dense
