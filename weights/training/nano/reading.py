"""Greedy reading with the torch model, for a look at a run under way."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from training.nano.characters import END_OF_TURN, ROW_MARKS, as_written, decode, encode, question
from training.nano.heldout import held_out_samples
from training.nano.losses import see_loss
from training.nano.mixture import READ_REQUEST, collate
from training.nano.model import Reader, half_precision
from training.nano.sample import Sample
from training.nano.scores import score

_COUNTS = {"clean rows": 64, "rows": 96, "vietnamese rows": 48, "sheets": 4}

_LONGEST_ROW = 45

_samples = cache(held_out_samples)


def report(reader: Reader, work: Path, device: str, *, only_seeing: bool) -> str:
    said = []
    for name, count in _COUNTS.items():
        samples = _samples(work, name, count)
        with torch.no_grad(), half_precision(device):
            accuracy = see_loss(reader, collate(name, samples).to(device))[1]
        said.append(f"{name} dense {accuracy:.3f}")
        if not only_seeing:
            truths = [as_written(row.text) for sample in samples for row in sample.rows]
            said[-1] += f" {score(truths, read(reader, samples, device))}"
    return " | ".join(said)


@torch.no_grad()
def read(reader: Reader, samples: list[Sample], device: str) -> list[str]:
    """What stands in each row of each canvas, all of one size."""
    pictures = torch.from_numpy(np.stack([sample.picture for sample in samples])).to(device)
    rows = [(b, i) for b, sample in enumerate(samples) for i in range(len(sample.rows))]
    ids = torch.tensor([question((), READ_REQUEST) + encode(ROW_MARKS[i]) for _, i in rows], device=device)
    start = ids.shape[1]
    with half_precision(device):
        features = reader.see(pictures)[[b for b, _ in rows]]
        for _ in range(_LONGEST_ROW):
            positions = torch.arange(ids.shape[1], device=device).expand(ids.shape)
            row = torch.where(positions < start - 1, 0, torch.tensor([[1 + i] for _, i in rows], device=device))
            hidden = reader.answer(ids, features, row, positions).hidden[:, -1:]
            ids = torch.cat([ids, reader.net.lm_head(hidden).argmax(-1)], dim=1)
            if (ids[:, start:] == END_OF_TURN).any(1).all():
                break
    return [decode(_until_end(row)) for row in ids[:, start:].tolist()]


def _until_end(ids: list[int]) -> list[int]:
    return ids[: ids.index(END_OF_TURN)] if END_OF_TURN in ids else ids
