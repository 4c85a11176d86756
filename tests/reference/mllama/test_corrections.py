"""The two corrections are the only differences between our numbers and those of transformers as it is."""

from dataclasses import replace

import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.families.mllama import FAMILY
from mlxvision.family import Model
from tests.reference.mllama.measure import assert_close, cache_with, extend
from tests.reference.mllama.reference import RandomReference

pytestmark = pytest.mark.reference


@pytest.fixture
def one_block_later(model: Model) -> Model:
    """The same weights, keeping what enters the block after each listed one: what leaves the listed one."""
    vision = model.config.vision
    indices = tuple(i + 1 for i in vision.intermediate_layers_indices)
    config = replace(model.config, vision=replace(vision, intermediate_layers_indices=indices))
    net = FAMILY.build(config)
    net.load_weights(tree_flatten(model.net.module.parameters()))
    return replace(model, config=config, net=net)


def test_plain_transformers_keeps_states_one_block_late(
    reference: RandomReference, model: Model, one_block_later: Model
) -> None:
    row = reference.rows["image first"]  # no token before the image, so only the kept states can differ
    plain = reference.logits(row.ids, row.pictures, model=reference.plain)
    assert_close(extend(one_block_later, row.ids, cache_with(one_block_later, row.pictures)), plain)
    with pytest.raises(AssertionError):
        assert_close(extend(model, row.ids, cache_with(model, row.pictures)), plain, 1e-2)


def test_plain_transformers_lets_tokens_before_the_image_see_it(
    reference: RandomReference, one_block_later: Model
) -> None:
    row = reference.rows["text before the image"]
    before = row.ids.index(reference.config.image_token_index)
    plain = reference.logits(row.ids, row.pictures, model=reference.plain)
    blank = reference.logits(row.ids, [np.zeros_like(p) for p in row.pictures], model=reference.plain)
    assert np.abs(plain - blank)[:before].max() > 1e-3 * np.abs(plain).max()
    ours = extend(one_block_later, row.ids, cache_with(one_block_later, row.pictures))
    assert_close(ours[:before], reference.logits(row.ids[:before], [], model=reference.plain))


def test_without_images_plain_transformers_is_right(reference: RandomReference, model: Model) -> None:
    row = reference.rows["no image"]
    plain = reference.logits(row.ids, [], model=reference.plain)
    assert_close(extend(model, row.ids, cache_with(model, [])), plain)
    np.testing.assert_array_equal(plain, reference.row_logits("no image"))


def test_tokens_before_the_image_do_not_depend_on_it(reference: RandomReference, model: Model) -> None:
    row = reference.rows["text before the image"]
    before = row.ids.index(reference.config.image_token_index)
    with_image = extend(model, row.ids, cache_with(model, row.pictures))[:before]
    assert_close(with_image, extend(model, row.ids[:before], model.net.make_cache()), 1e-6)
