"""Running the model under test, and comparing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import torch
from mlx.utils import tree_flatten

from mlxvision.family import Cache, EncodedImage, Family, Model
from mlxvision.types import Image
from tests.reference.qwen2_vl.reference import ORDINARY


def prepare(model: Model, pixels: np.ndarray) -> Any:
    return model.family.preprocess(Image(pixels, "picture", 1, ""), model.config)


def encode(model: Model, pixels: np.ndarray) -> EncodedImage:
    return model.net.encode(prepare(model, pixels), lambda: None)


def cache_with(model: Model, pictures: Sequence[np.ndarray]) -> Cache:
    cache = model.net.make_cache()
    for pixels in pictures:
        cache.add_image(encode(model, pixels))
    return cache


def extend(model: Model, ids: Sequence[int], cache: Cache, chunk: int | None = None) -> np.ndarray:
    """(L, V) float32, the ids given in chunks."""
    chunk = chunk or len(ids)
    parts = [mx.array([ids[i : i + chunk]]) for i in range(0, len(ids), chunk)]
    return np.concatenate([np.array(model.net.logits(model.net.hidden(part, cache)))[0] for part in parts])


def greedy(model: Model, ids: Sequence[int], pictures: Sequence[np.ndarray], count: int) -> list[int]:
    cache = cache_with(model, pictures)
    tokens: list[int] = []
    last = extend(model, ids, cache)[-1]
    for _ in range(count):
        tokens.append(int(last[:ORDINARY].argmax()))
        last = extend(model, tokens[-1:], cache)[-1]
    return tokens


def assert_close(ours: mx.array | np.ndarray, theirs: np.ndarray, tolerance: float = 1e-5) -> None:
    """Largest difference, as a share of the largest reference value."""
    ours = np.array(ours)
    assert ours.shape == theirs.shape
    share = np.abs(ours - theirs).max() / np.abs(theirs).max()
    assert share <= tolerance, f"{share:.2e} > {tolerance:.0e}"


def copy_weights(family: Family, net: nn.Module, into: torch.nn.Module) -> None:
    """Give a transformers model the weights of ours; quantized ones as the numbers they stand for."""
    weights = dict(tree_flatten(net.parameters()))
    for path, module in net.named_modules():
        if f"{path}.scales" in weights:
            packed = [weights.pop(f"{path}.{name}") for name in ("weight", "scales", "biases")]
            weights[f"{path}.weight"] = mx.dequantize(*packed, module.group_size, module.bits)
    with torch.no_grad():
        for name, p in into.named_parameters():
            array = np.array(weights.pop(family.rename(name)))
            p.copy_(torch.tensor(np.moveaxis(array, -1, 1) if array.ndim == 5 else array))
    assert not weights
