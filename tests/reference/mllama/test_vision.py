"""The tower, block by block, and what the decoder gets of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
import pytest
import torch
from transformers import DynamicCache

from mlxvision.families.mllama import vision
from mlxvision.family import Model
from tests.reference.mllama.measure import assert_close, encode, prepare
from tests.reference.mllama.reference import PICTURES, RandomReference

pytestmark = pytest.mark.reference

every_picture = pytest.mark.parametrize("name", [*PICTURES, "2x3 px", "4000x500 px"])


@dataclass
class States:
    """blocks: (rows, D) that leave each block. tower: (N, D * (1 + kept)). projected: (N, D of text)."""

    blocks: list[np.ndarray]
    tower: np.ndarray
    projected: np.ndarray


@pytest.fixture(scope="session")
def theirs(reference: RandomReference) -> Callable[[str], States]:
    tower, projector = reference.model.model.vision_model, reference.model.model.multi_modal_projector
    side = reference.config.vision_config.image_size // reference.config.vision_config.patch_size

    def rows(x: torch.Tensor) -> np.ndarray:
        """(1, T * (P + padding), D) -> the same rows in our order: patches of all tiles, then padding of all tiles."""
        tiles = x.reshape(reference.config.vision_config.max_num_tiles, -1, x.shape[-1])
        P = side**2 + 1
        return torch.cat([tiles[:, :P].flatten(0, 1), tiles[:, P:].flatten(0, 1)]).numpy()

    @torch.no_grad()
    def run(name: str) -> States:
        blocks: list[np.ndarray] = []
        layers = [*tower.transformer.layers, *tower.global_transformer.layers]
        hooks = [block.register_forward_hook(lambda _, __, out: blocks.append(rows(out))) for block in layers]
        batch = reference.process([reference.pictures[name]])
        n_tiles = batch.num_tiles[0][0]
        final = tower(batch.pixel_values, batch.aspect_ratio_ids, batch.aspect_ratio_mask).last_hidden_state
        for hook in hooks:
            hook.remove()
        real = final[0, 0, :n_tiles].flatten(0, 1)
        return States(blocks, real.numpy(), projector(real).numpy())

    return run


@every_picture
def test_every_vision_block_gives_the_reference_states(
    model: Model,
    reference: RandomReference,
    theirs: Callable[[str], States],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks: list[mx.array] = []
    for kind in (vision.Block, vision.GatedBlock):
        monkeypatch.setattr(kind, "__call__", recording(kind.__call__, blocks))
    model.net.module.vision_model(prepare(model, reference.pictures[name]), lambda: None)
    expected = theirs(name).blocks
    assert len(blocks) == len(expected)
    for ours, reference_rows in zip(blocks, expected, strict=True):
        assert_close(ours[0], reference_rows)


def recording(call: Callable[..., mx.array], into: list[mx.array]) -> Callable[..., mx.array]:
    def record(block: vision.Block, x: mx.array, n_real: int) -> mx.array:
        into.append(call(block, x, n_real))
        return into[-1]

    return record


@every_picture
def test_tower_and_projector_give_the_reference_features(
    model: Model, reference: RandomReference, theirs: Callable[[str], States], name: str
) -> None:
    states = theirs(name)
    features = model.net.module.vision_model(prepare(model, reference.pictures[name]), lambda: None)
    assert_close(features, states.tower)
    assert_close(model.net.module.multi_modal_projector(features), states.projected)


@every_picture
def test_cross_attention_keys_and_values_are_the_reference_s(
    model: Model, reference: RandomReference, name: str
) -> None:
    ids, pictures = [reference.config.image_token_index], [reference.pictures[name]]
    memory = DynamicCache()
    with torch.no_grad():
        inputs = reference.image_inputs(pictures, ids)
        reference.model(input_ids=torch.tensor([ids]), past_key_values=memory, use_cache=True, **inputs)
    image = encode(model, pictures[0])
    layers = reference.config.text_config.cross_attention_layers
    for keys, values, layer in zip(image.keys, image.values, layers, strict=True):
        assert_close(keys, memory.layers[layer].keys[:, :, : image.n_tokens].numpy())
        assert_close(values, memory.layers[layer].values[:, :, : image.n_tokens].numpy())


def test_encoding_can_be_stopped_between_blocks(model: Model, reference: RandomReference) -> None:
    steps = iter(range(3))
    with pytest.raises(StopIteration):
        model.net.encode(prepare(model, reference.pictures["one tile"]), lambda: next(steps))
