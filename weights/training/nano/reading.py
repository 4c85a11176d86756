"""Greedy reading with the torch model, for a look at a run under way."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import DynamicCache

from training.nano.characters import END_OF_TURN, decode, prompt
from training.nano.heldout import held_out_samples
from training.nano.model import Reader
from training.nano.sample import Sample
from training.nano.scores import score

_COUNTS = {"clean lines": 64, "lines": 64, "vietnamese lines": 32, "blocks": 12}
_REQUEST = ("Read the text.",)

_samples = cache(held_out_samples)


def report(reader: Reader, work: Path, device: str) -> str:
    said = []
    for name, count in _COUNTS.items():
        samples = _samples(work, name, count)
        answers = read(reader, samples, device)
        said.append(f"{name} {score([sample.answer for sample in samples], answers)}")
    return " | ".join(said)


@torch.no_grad()
def read(reader: Reader, samples: list[Sample], device: str) -> list[str]:
    """Samples of one canvas size."""
    pictures = torch.from_numpy(np.stack([sample.picture for sample in samples])).to(device)
    ids = torch.tensor([prompt(_REQUEST)] * len(samples), device=device)
    most = max(len(sample.answer) for sample in samples) + 10
    cache, written = DynamicCache(), []
    with torch.autocast(device, torch.bfloat16):
        features = reader.see(pictures, 0, 0)
        for _ in range(most):
            ids = reader.net.lm_head(reader.answer(ids, features, cache=cache).hidden[:, -1:]).argmax(-1)
            written.append(ids)
            if all((step == END_OF_TURN).any() for step in torch.cat(written, dim=1)):
                break
    return [decode(_until_end(row)) for row in torch.cat(written, dim=1).tolist()]


def _until_end(ids: list[int]) -> list[int]:
    return ids[: ids.index(END_OF_TURN)] if END_OF_TURN in ids else ids
