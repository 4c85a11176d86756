"""Pixels, canvases and aspect ratio ids, bit for bit."""

import numpy as np
import pytest
from transformers.models.mllama.image_processing_pil_mllama import (
    get_image_size_fit_to_canvas,
    get_optimal_tiled_canvas,
)

from mlxvision.families.mllama.preprocess import choose_canvas, fit
from mlxvision.family import Model
from tests.reference.mllama.measure import prepare
from tests.reference.mllama.reference import RandomReference

pytestmark = pytest.mark.reference


def assert_same_pixels(reference: RandomReference, model: Model, pixels: np.ndarray) -> None:
    theirs, ours = reference.process([pixels]), prepare(model, pixels)
    tiles = theirs.pixel_values[0, 0].numpy()
    assert ours.n_tiles == theirs.num_tiles[0][0] == ours.receipt.tiles
    assert ours.aspect_ratio_id == theirs.aspect_ratio_ids.item()
    np.testing.assert_array_equal(ours.tiles().transpose(0, 3, 1, 2), tiles[: ours.n_tiles])
    assert not tiles[ours.n_tiles :].any()


@pytest.mark.parametrize(
    "size",
    [(2, 3), (3, 2), (1, 1), (4000, 500), (500, 4000), (1, 900), (900, 1), (37, 41), (640, 480), (333, 1001)],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_pixels_of_any_size_are_bit_identical(reference: RandomReference, model: Model, size: tuple[int, int]) -> None:
    width, height = size
    assert_same_pixels(reference, model, reference.picture(height, width))


@pytest.mark.parametrize("off", [-1, 0, 1])
@pytest.mark.parametrize("tiles", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (4, 1), (3, 3)])
def test_pixels_at_whole_tiles_are_bit_identical(
    reference: RandomReference, model: Model, tiles: tuple[int, int], off: int
) -> None:
    side = reference.config.vision_config.image_size
    assert_same_pixels(reference, model, reference.picture(tiles[0] * side + off, tiles[1] * side + off))


def test_the_ladder_has_pictures_of_one_to_four_tiles(reference: RandomReference, model: Model) -> None:
    most = reference.config.vision_config.max_num_tiles
    tiles = {prepare(model, pixels).n_tiles for pixels in reference.pictures.values()}
    assert tiles == set(range(1, most + 1))


def test_canvas_and_scale_of_random_sizes_are_the_same(reference: RandomReference, model: Model) -> None:
    most = reference.config.vision_config.max_num_tiles
    for side in (reference.config.vision_config.image_size, 560):
        sizes = np.exp(reference.rng.uniform(0, np.log(6000), (200, 2))).astype(int).tolist()
        for height, width in sizes:
            rows, columns = choose_canvas(height, width, side, most)
            canvas = get_optimal_tiled_canvas(height, width, most, side)
            assert (rows * side, columns * side) == canvas, (height, width)
            assert fit(height, width, *map(int, canvas), side) == get_image_size_fit_to_canvas(
                height, width, *canvas, side
            )
