"""Pixels and sizes, bit for bit."""

import numpy as np
import pytest
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from mlxvision.errors import ImageError
from mlxvision.family import Model
from tests.reference.qwen2_vl.measure import prepare
from tests.reference.qwen2_vl.reference import RandomReference

pytestmark = pytest.mark.reference


def assert_same_pixels(reference: RandomReference, model: Model, pixels: np.ndarray) -> None:
    theirs, ours = reference.process([pixels]), prepare(model, pixels)
    vision = reference.config.vision_config
    p, m, T = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
    patches = theirs.pixel_values.numpy().reshape(-1, 3, T, p, p)
    assert [1, *(side * m for side in ours.grid)] == theirs.image_grid_thw[0].tolist()
    assert ours.receipt.tiles * m**2 == len(patches)
    for frame in range(T):
        np.testing.assert_array_equal(ours.patches().transpose(0, 3, 1, 2), patches[:, :, frame])


@pytest.mark.parametrize(
    "size",
    [(2, 3), (3, 2), (1, 1), (4000, 500), (500, 4000), (1, 200), (200, 1), (3, 600), (37, 41), (640, 480), (333, 1001)],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_pixels_of_any_size_are_bit_identical(reference: RandomReference, model: Model, size: tuple[int, int]) -> None:
    width, height = size
    assert_same_pixels(reference, model, reference.picture(height, width))


@pytest.mark.parametrize("off", [-1, 0, 1])
@pytest.mark.parametrize("tokens", [(1, 1), (1, 2), (2, 1), (3, 5), (6, 6), (4, 10), (5, 8), (1, 40)])
def test_pixels_at_whole_tokens_are_bit_identical(
    reference: RandomReference, model: Model, tokens: tuple[int, int], off: int
) -> None:
    side = model.config.preprocess.factor
    assert_same_pixels(reference, model, reference.picture(tokens[0] * side + off, tokens[1] * side + off))


def test_pixels_between_two_tokens_are_bit_identical(reference: RandomReference, model: Model) -> None:
    """Halves are rounded to the even number."""
    side = model.config.preprocess.factor
    for rows, columns in ((2.5, 3.5), (3.5, 2.5), (4.5, 4.5), (0.5, 1.5)):
        assert_same_pixels(reference, model, reference.picture(int(rows * side), int(columns * side)))


def test_random_sizes_are_scaled_alike(reference: RandomReference, model: Model) -> None:
    config = model.config.preprocess
    n_refused = 0
    for height, width in np.exp(reference.rng.uniform(0, np.log(800), (120, 2))).astype(int).tolist():
        pixels = np.zeros((height, width, 3), np.uint8)
        try:
            expected = smart_resize(height, width, config.factor, config.min_pixels, config.max_pixels)
        except ValueError:
            n_refused += 1
            with pytest.raises(ImageError, match="200 times"):
                prepare(model, pixels)
        else:
            assert prepare(model, pixels).canvas.shape[:2] == expected, (height, width)
    assert n_refused
