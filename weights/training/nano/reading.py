"""Greedy reading with the torch model, for a look at a run under way."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import DynamicCache

from training.nano.characters import END_OF_TURN, decode, question
from training.nano.heldout import held_out_samples
from training.nano.losses import see_loss
from training.nano.mixture import collate
from training.nano.model import Reader
from training.nano.sample import Sample
from training.nano.scores import score

_COUNTS = {"clean rows": 64, "rows": 96, "vietnamese rows": 48, "sheets": 8}

_samples = cache(held_out_samples)


def report(reader: Reader, work: Path, device: str, *, only_seeing: bool) -> str:
    said = []
    for name, count in _COUNTS.items():
        samples = _samples(work, name, count)
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            accuracy = see_loss(reader, collate(name, samples).to(device))[1]
        said.append(f"{name} dense {accuracy:.3f}")
        if not only_seeing:
            answers = read(reader, samples, device)
            said[-1] += f" {score([sample.turns[0][1] for sample in samples], answers)}"
    return " | ".join(said)


@torch.no_grad()
def read(reader: Reader, samples: list[Sample], device: str) -> list[str]:
    """Answers to the first questions, which have one length, about pictures of one size."""
    pictures = torch.from_numpy(np.stack([sample.picture for sample in samples])).to(device)
    ids = torch.tensor([question((), sample.turns[0][0]) for sample in samples], device=device)
    most = max(len(sample.turns[0][1]) for sample in samples) + 10
    cache, written = DynamicCache(), []
    with torch.autocast(device, torch.bfloat16):
        features = reader.see(pictures)
        for _ in range(most):
            ids = reader.net.lm_head(reader.answer(ids, features, cache=cache).hidden[:, -1:]).argmax(-1)
            written.append(ids)
            if all((step == END_OF_TURN).any() for step in torch.cat(written, dim=1)):
                break
    return [decode(_until_end(row)) for row in torch.cat(written, dim=1).tolist()]


def _until_end(ids: list[int]) -> list[int]:
    return ids[: ids.index(END_OF_TURN)] if END_OF_TURN in ids else ids
