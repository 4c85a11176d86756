"""Canvas and scale of pictures of every size."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlxvision.families.mllama.config import arrangements
from mlxvision.families.mllama.preprocess import choose_canvas, fit, preprocess
from mlxvision.types import Image
from tests.families.mllama.tiny import config, pixels, prepare

sizes = st.integers(1, 65535)
SIDE = 560


@given(sizes, sizes)
@example(1, 65535)
@example(65535, 1)
@example(560, 560)
def test_a_scaled_picture_lies_within_its_canvas_and_fills_one_side(height: int, width: int) -> None:
    rows, columns = choose_canvas(height, width, SIDE, 4)
    h, w = fit(height, width, rows * SIDE, columns * SIDE, SIDE)
    assert 1 <= h <= rows * SIDE
    assert 1 <= w <= columns * SIDE
    assert max(h, w) >= SIDE


@given(sizes, sizes)
def test_a_picture_keeps_its_shape_to_within_a_pixel(height: int, width: int) -> None:
    rows, columns = choose_canvas(height, width, SIDE, 4)
    h, w = fit(height, width, rows * SIDE, columns * SIDE, SIDE)
    assert min(abs(h - height * w / width), abs(w - width * h / height)) <= 1


@given(sizes, sizes)
def test_a_picture_is_not_shrunk_if_some_canvas_holds_it(height: int, width: int) -> None:
    holding = [(r, c) for r, c in arrangements(4) if r * SIDE >= height and c * SIDE >= width]
    assert not holding or choose_canvas(height, width, SIDE, 4) in holding


@pytest.mark.parametrize(
    ("size", "canvas"),
    [
        ((560, 560), (1, 1)),
        ((561, 560), (2, 1)),
        ((560, 561), (1, 2)),
        ((1000, 1000), (2, 2)),
        ((9, 36), (1, 1)),
        ((500, 4000), (1, 4)),
        ((4000, 500), (4, 1)),
        ((3000, 3000), (2, 2)),
        ((600, 1300), (1, 3)),
    ],
)
def test_the_canvas_enlarges_least_or_shrinks_least(size: tuple[int, int], canvas: tuple[int, int]) -> None:
    assert choose_canvas(*size, SIDE, 4) == canvas


def test_arrangements_are_numbered_as_the_checkpoints_number_them() -> None:
    assert arrangements(4) == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (3, 1), (4, 1)]
    assert prepare("two tiles").aspect_ratio_id == 2
    assert prepare("three tiles").aspect_ratio_id == 7


def test_the_receipt_tells_what_the_model_sees() -> None:
    image = Image(pixels("two tiles"), "a.png", 6, "ab12")
    prepared = preprocess(image, config())
    receipt = prepared.receipt
    assert (receipt.source, receipt.sha256, receipt.orientation) == ("a.png", "ab12", 6)
    assert (receipt.width, receipt.height) == (21, 10)
    assert (receipt.canvas_width, receipt.canvas_height, receipt.tiles) == (24, 12, 2)
    assert prepared.canvas.shape == (12, 24, 3)
    seen = prepared.canvas[: receipt.scaled_height, : receipt.scaled_width]
    assert seen.any(axis=-1).all()
    assert prepared.canvas.sum() == seen.sum()  # the rest is black


def test_tiles_are_cut_in_reading_order() -> None:
    side = config().vision.image_size
    levels = np.array([[10, 20], [30, 40]], np.uint8).repeat(side, 0).repeat(side, 1)
    prepared = preprocess(Image(np.stack([levels] * 3, -1), "levels", 1, ""), config())
    means = prepared.tiles()[..., 0].mean(axis=(1, 2))
    np.testing.assert_allclose(means * 0.27 + 0.48, np.array([10, 20, 30, 40]) / 255, rtol=1e-5)
