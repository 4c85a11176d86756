"""Frozen sets of rows in fonts and words that were never trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from training.nano import texts
from training.nano.fonts import load_faces
from training.nano.model import GRID, PATCH
from training.nano.rows import Kinds, draw_row, stack
from training.nano.sample import Sample, Source
from training.nano.words import Words

_LINES: Kinds = {texts.mixed: 3, texts.prose: 2, texts.values: 2, texts.accented: 1, texts.entry: 1}


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """n_rows: on each canvas. effects: as in `Source`."""

    kinds: Kinds
    n_rows: int
    effects: float


SETS = {
    "clean rows": HeldOutSet(_LINES, 1, 0.0),
    "rows": HeldOutSet(texts.MIXTURE, 1, 1.0),
    "vietnamese rows": HeldOutSet({texts.vietnamese: 1}, 1, 0.5),
    "sheets": HeldOutSet(texts.MIXTURE, 9, 0.5),
}


def held_out_samples(work: Path, name: str, count: int) -> list[Sample]:
    chosen = SETS[name]
    source = Source(load_faces(work, held=True), Words(held=True), chosen.effects)
    rng, samples = Random(f"held out {name}"), []
    for _ in range(count):
        rows = [draw_row(rng, source, GRID * PATCH, chosen.kinds) for _ in range(chosen.n_rows)]
        samples.append(stack(rows, chosen.n_rows, GRID * PATCH))
    return samples
