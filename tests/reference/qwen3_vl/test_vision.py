"""The tower, block by block, and the features of every level that the decoder gets of it."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from mlxvision.families.qwen3_vl import vision
from mlxvision.family import Model
from tests.reference.qwen2_vl.measure import assert_close, encode, prepare
from tests.reference.qwen2_vl.reference import RandomReference
from tests.reference.qwen2_vl.test_vision import every_picture
from tests.reference.qwen2_vl.test_vision import test_an_encoded_image_is_restored_from_its_arrays as _restored
from tests.reference.qwen2_vl.test_vision import test_encoding_can_be_stopped_between_blocks as _stopped

pytestmark = pytest.mark.reference

test_an_encoded_image_is_restored_from_its_arrays = _restored
test_encoding_can_be_stopped_between_blocks = _stopped


@torch.no_grad()
def theirs(reference: RandomReference, name: str) -> tuple[list[np.ndarray], Any]:
    """The states (P, D) that enter the first block and leave each, and the tower's output."""
    tower, states = reference.model.model.visual, []
    hooks = [tower.blocks[0].register_forward_pre_hook(lambda _, args: states.append(args[0].numpy()))]
    hooks += [block.register_forward_hook(lambda _, __, out: states.append(out.numpy())) for block in tower.blocks]
    batch = reference.process([reference.pictures[name]])
    output = tower(batch.pixel_values, grid_thw=batch.image_grid_thw)
    for hook in hooks:
        hook.remove()
    return states, output


@every_picture
def test_states_before_and_after_every_block_are_the_reference_s(
    model: Model, reference: RandomReference, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, call = [], vision.Block.__call__

    def recording(block: vision.Block, x: mx.array, *args: Any) -> mx.array:
        states.extend([] if states else [x])
        states.append(call(block, x, *args))
        return states[-1]

    monkeypatch.setattr(vision.Block, "__call__", recording)
    encode(model, reference.pictures[name])
    expected, _ = theirs(reference, name)
    for ours, state in zip(states, expected, strict=True):
        assert_close(ours, state)


@every_picture
def test_features_of_every_level_are_the_reference_s(model: Model, reference: RandomReference, name: str) -> None:
    (features,), (_, output) = encode(model, reference.pictures[name]).arrays, theirs(reference, name)
    levels = [output.pooler_output, *output.deepstack_features]
    assert features.shape[1] == len(levels) > 2
    for level, expected in enumerate(levels):
        assert_close(features[:, level], expected.numpy())


@every_picture
def test_a_table_of_places_is_stretched_as_the_reference_s(model: Model, reference: RandomReference, name: str) -> None:
    """Corners meet corners: shown by torch's own way to stretch a picture."""
    image, tower = prepare(model, reference.pictures[name]), model.net.module.model.visual
    table = torch.tensor(np.array(tower.pos_embed.weight))
    side, sides = round(len(table) ** 0.5), [n * image.merge for n in image.grid]
    grid = table.reshape(1, side, side, -1).movedim(-1, 1)
    stretched = torch.nn.functional.interpolate(grid, sides, mode="bilinear", align_corners=True)[0]
    rows, columns = image.positions()
    assert_close(tower.placed(image), stretched[:, rows, columns].T.numpy(), 2e-5)
