"""The tower, block by block, and the features that the decoder gets of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from mlxvision.family import Model
from tests.reference.qwen2_vl.measure import assert_close, encode, prepare
from tests.reference.qwen2_vl.reference import PICTURES, SIZES, RandomReference

pytestmark = pytest.mark.reference

Orders = Callable[[Any], tuple[np.ndarray, np.ndarray]]
"""A prepared image -> in which order our tower and the reference's have its patches."""

every_picture = pytest.mark.parametrize("name", [*PICTURES, *SIZES])


@torch.no_grad()
def theirs(reference: RandomReference, name: str) -> tuple[list[np.ndarray], np.ndarray]:
    """The states (P, D) that leave each block, and the features (N, D)."""
    tower, blocks = reference.model.model.visual, []
    hooks = [block.register_forward_hook(lambda _, __, out: blocks.append(out.numpy())) for block in tower.blocks]
    batch = reference.process([reference.pictures[name]])
    features = tower(batch.pixel_values, grid_thw=batch.image_grid_thw).pooler_output
    for hook in hooks:
        hook.remove()
    return blocks, features.numpy()


@every_picture
def test_every_vision_block_gives_the_reference_states(
    model: Model, reference: RandomReference, name: str, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    vision, blocks = import_module(type(model.net.module.visual).__module__), []
    call = vision.Block.__call__

    def recording(*args: object) -> mx.array:
        blocks.append(call(*args))
        return blocks[-1]

    monkeypatch.setattr(vision.Block, "__call__", recording)
    image = prepare(model, reference.pictures[name])
    model.net.module.visual(image, lambda: None)
    expected, _ = theirs(reference, name)
    our_order, their_order = orders(image)
    assert len(blocks) == len(expected)
    for ours, states in zip(blocks, expected, strict=True):
        assert_close(np.array(ours)[our_order.argsort()], states[their_order.argsort()])


@every_picture
def test_features_are_the_reference_s(model: Model, reference: RandomReference, name: str) -> None:
    assert_close(encode(model, reference.pictures[name]).arrays[0], theirs(reference, name)[1])


def test_encoding_can_be_stopped_between_blocks(model: Model, reference: RandomReference) -> None:
    steps = iter(range(2))
    with pytest.raises(StopIteration):
        model.net.encode(prepare(model, reference.pictures["wide"]), lambda: next(steps))


def test_an_encoded_image_is_restored_from_its_arrays(model: Model, reference: RandomReference) -> None:
    wide, tall = (prepare(model, reference.pictures[name]) for name in ("wide", "tall"))
    image = model.net.encode(wide, lambda: None)
    restored = model.net.restore(wide, image.arrays)
    assert (restored.columns, restored.n_tokens, restored.nbytes) == (image.columns, image.n_tokens, image.nbytes)
    np.testing.assert_array_equal(np.array(restored.features), np.array(image.features))
    assert model.net.restore(wide, [image.features[:-1]]) is None
    assert model.net.restore(wide, [image.features.astype(mx.float16)]) is None
    assert model.net.restore(wide, [image.features, image.features]) is None
    assert (model.net.restore(tall, image.arrays) is None) == (tall.receipt.tiles != wide.receipt.tiles)
