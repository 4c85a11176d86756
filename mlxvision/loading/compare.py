"""What a conversion did to a model's answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.loading.load import load_model
from mlxvision.types import Image, Message


@dataclass(frozen=True, slots=True)
class Change:
    """max_abs: the largest difference of a logit. kl: mean divergence from the source's distributions, in nats."""

    max_abs: float
    kl: float


def logit_change(source: Path, out: Path, prompt: str) -> Change:
    """Compare two models on a prompt about a picture, one after the other so that only one is in memory.

    Raises: ModelFormatError, OutOfMemoryError
    """
    before, after = _logits(source, prompt), _logits(out, prompt)
    p, q = nn.log_softmax(before, axis=-1), nn.log_softmax(after, axis=-1)
    kl = (mx.exp(p) * (p - q)).sum(axis=-1).mean()
    return Change(cast(float, mx.abs(before - after).max().item()), cast(float, kl.item()))


def _logits(directory: Path, prompt: str) -> mx.array:
    """(L, V), in float32"""
    model = load_model(directory, directory.name)
    net, family, picture = model.net, model.family, _picture()
    tokens = family.render([Message("user", (picture, prompt))], model.tokenizer, model.config)
    cache = net.make_cache()
    cache.add_image(net.encode(family.preprocess(picture, model.config), lambda: None))
    logits = net.logits(net.hidden(mx.array([tokens]), cache))[0].astype(mx.float32)
    mx.eval(logits)
    return logits


def _picture() -> Image:
    """Edges at every scale, in every colour."""
    across, down = np.meshgrid(np.arange(320), np.arange(240))
    pixels = np.stack([across ^ down, across & down, across + down], axis=-1).astype(np.uint8)
    return Image(pixels, "test picture", 1, "")
