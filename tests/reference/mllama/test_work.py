"""Work is done once: cross-attention projects an image's keys and values one time, and only its real tiles."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import pytest

from mlxvision.families.mllama.language import CrossBlock
from mlxvision.family import Model
from tests.reference.mllama.measure import cache_with, extend, prepare
from tests.reference.mllama.reference import RandomReference

pytestmark = pytest.mark.reference


@pytest.fixture
def projected(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes that every k_proj and v_proj of the cross-attention layers is called with."""
    blocks = [b.cross_attn for b in model.net.module.language_model.model.layers if isinstance(b, CrossBlock)]
    watched = {id(linear) for block in blocks for linear in (block.k_proj, block.v_proj)}
    shapes: list[tuple[int, ...]] = []
    linear = nn.Linear.__call__

    def counting(module: nn.Linear, x: mx.array) -> mx.array:
        if id(module) in watched:
            shapes.append(x.shape)
        return linear(module, x)

    monkeypatch.setattr(nn.Linear, "__call__", counting)
    return shapes


@pytest.mark.parametrize("name", ["two tiles", "three images"])
def test_keys_and_values_are_projected_once_per_image_and_layer(
    reference: RandomReference, model: Model, projected: list[tuple[int, ...]], name: str
) -> None:
    row, vision = reference.rows[name], model.config.vision
    cache = cache_with(model, row.pictures)
    extend(model, row.ids, cache, 3)
    extend(model, reference.text(20), cache, 1)
    projections = 2 * len(model.config.text.cross_attention_layers)
    rows = [prepare(model, pixels).n_tiles * vision.n_patches for pixels in row.pictures]
    D = model.config.text.hidden_size
    assert projected == [(1, N, D) for N in rows for _ in range(projections)]
