"""Whatever its sides, a picture becomes a bounded number of pixels and tokens, or is refused in a clean way."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mlxvision.errors import ImageError
from mlxvision.families.mllama.config import arrangements
from mlxvision.families.mllama.preprocess import choose_canvas, fit
from mlxvision.nn.grid_input import PreprocessConfig, count_tokens, scaled_size
from mlxvision.types import Image

LONGEST_SIDE = 65_535
MOST_TOKENS = 1 << 18
PATCH, MERGE = 14, 2
FACTOR = PATCH * MERGE

sides = st.integers(1, LONGEST_SIDE) | st.integers(0, 16).map(lambda power: min(2**power, LONGEST_SIDE))
pixel_counts = st.integers(1, 1 << 27) | st.integers(0, 27).map(lambda power: 1 << power)


def of_size(height: int, width: int) -> Image:
    return Image(np.broadcast_to(np.uint8(0), (height, width, 3)), "picture", 1, "")


def config_of(least: int, most: int) -> PreprocessConfig:
    """With the patches of the released models, and these numbers of pixels."""
    return PreprocessConfig(least, most, (0.5,) * 3, (0.5,) * 3, PATCH, MERGE)


@given(height=sides, width=sides)
@example(height=1, width=LONGEST_SIDE)
@example(height=1, width=200)
@example(height=1, width=201)
@example(height=LONGEST_SIDE, width=LONGEST_SIDE)
def test_as_released_a_picture_has_as_many_pixels_as_the_config_says(height, width):
    config, image = config_of(3136, 12_845_056), of_size(height, width)
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(ImageError, match=f"{width}x{height} px. Cut it into pieces"):
            scaled_size(image, config)
        return
    h, w = scaled_size(image, config)
    assert h > 0 and w > 0 and h % FACTOR == w % FACTOR == 0
    assert 3136 <= h * w <= 12_845_056
    assert count_tokens(image, config) == h * w // FACTOR**2 <= 12_845_056 // FACTOR**2


@given(height=sides, width=sides, least=pixel_counts, most=pixel_counts)
@example(height=2, width=2, least=1 << 27, most=1 << 27)
@example(height=200, width=1, least=1, most=FACTOR**2)
def test_whatever_a_config_says_of_pixels_the_tokens_are_bounded(height, width, least, most):
    assume(least <= most and most >= FACTOR**2)
    assume(max(height, width) <= 200 * min(height, width))
    config, image = config_of(least, most), of_size(height, width)
    h, w = scaled_size(image, config)
    assert h > 0 and w > 0 and h % FACTOR == w % FACTOR == 0
    assert max(h, w) <= (200 * most) ** 0.5 + FACTOR
    assert count_tokens(image, config) <= MOST_TOKENS


@given(height=sides, width=sides, side=st.integers(1, 4096), max_tiles=st.integers(1, 64))
@example(height=1, width=LONGEST_SIDE, side=560, max_tiles=4)
@example(height=LONGEST_SIDE, width=1, side=1, max_tiles=1)
def test_tiles_hold_any_picture(height, width, side, max_tiles):
    rows, columns = choose_canvas(height, width, side, max_tiles)
    assert (rows, columns) in arrangements(max_tiles)
    h, w = fit(height, width, rows * side, columns * side, side)
    assert 1 <= h <= rows * side
    assert 1 <= w <= columns * side
    assert max(h / side, w / side) >= 1
