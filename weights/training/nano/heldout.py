"""Frozen sets of pictures in fonts and words that were never trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from training.nano.fonts import load_faces
from training.nano.mixture import draw
from training.nano.sample import Sample, Source
from training.nano.words import Words

_LINES = {"line": 3, "prose": 2, "values": 2, "accented": 1}


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """size: of the canvas in patches. effects: as in `Source`."""

    kinds: Mapping[str, int]
    size: tuple[int, int]
    effects: float


SETS = {
    "clean lines": HeldOutSet(_LINES, (3, 28), 0.0),
    "lines": HeldOutSet(_LINES, (3, 28), 1.0),
    "vietnamese lines": HeldOutSet({"vietnamese": 1}, (3, 28), 0.5),
    "blocks": HeldOutSet({"paragraph": 2, "receipt": 1, "form": 1}, (8, 28), 0.5),
    "tiles": HeldOutSet({"paragraph": 1}, (28, 28), 0.5),
}


def held_out_samples(work: Path, name: str, count: int) -> list[Sample]:
    chosen = SETS[name]
    source = Source(load_faces(work, held=True), Words(held=True), chosen.effects)
    rng = Random(f"held out {name}")
    return [draw(rng, source, chosen.kinds, chosen.size) for _ in range(count)]
