"""Sizes of pictures of every shape, and how they are cut."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlxvision.errors import ImageError
from mlxvision.types import Image
from tests.fakes.qwen import PREPROCESSOR, Tiny, picture

sides = st.integers(1, 700)


def of_size(height: int, width: int) -> Image:
    return Image(np.broadcast_to(np.uint8(7), (height, width, 3)), "picture", 1, "")


@given(height=sides, width=sides)
@example(height=1, width=200)
@example(height=600, width=3)
def test_a_scaled_picture_is_whole_tokens_and_neither_too_small_nor_too_large(
    tiny: Tiny, height: int, width: int
) -> None:
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(ImageError):
            tiny.family.preprocess(of_size(height, width), tiny.config)
        return
    image = tiny.family.preprocess(of_size(height, width), tiny.config)
    h, w, _ = image.canvas.shape
    factor = tiny.config.preprocess.factor
    assert h % factor == w % factor == 0
    assert h * w >= PREPROCESSOR["min_pixels"]
    assert h * w <= PREPROCESSOR["max_pixels"] or factor in (h, w)  # a thread of a picture cannot get thinner
    assert image.receipt.tiles == len(image.patches()) // 4 == image.grid[0] * image.grid[1]


def test_patches_come_token_by_token(tiny: Tiny) -> None:
    """Each pixel says where it is: its row and its column."""
    rows, columns = np.mgrid[:8, :16]
    pixels = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    image = tiny.family.preprocess(Image(pixels, "places", 1, ""), tiny.config)
    levels = image.patches() * np.array(PREPROCESSOR["image_std"]) + np.array(PREPROCESSOR["image_mean"])
    places = np.rint(levels * 255).astype(int)[..., :2]
    np.testing.assert_array_equal(places[:, 0, 0].T, 2 * image.positions())
    np.testing.assert_array_equal(image.positions()[:, :8], [[0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 2, 3, 2, 3]])
    np.testing.assert_array_equal(places[:, 1, 0] - places[:, 0, 0], np.tile([1, 0], (len(places), 1)))


def test_the_receipt_tells_what_the_model_sees(tiny: Tiny) -> None:
    receipt = tiny.family.preprocess(picture("wide"), tiny.config).receipt
    assert (receipt.source, receipt.width, receipt.height) == ("wide", 33, 10)
    assert (receipt.scaled_width, receipt.scaled_height) == (receipt.canvas_width, receipt.canvas_height) == (32, 8)
    assert receipt.tiles == 16


def test_a_canvas_of_rows_is_shown_as_it_is(tiny: Tiny) -> None:
    rows = tiny.family.rows(tiny.config)
    assert rows.canvas_px % tiny.config.preprocess.factor == 0
    assert rows.canvas_px >= 14 * rows.row_px > 14 * rows.em_px
