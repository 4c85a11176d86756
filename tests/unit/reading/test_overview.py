"""The whole picture in small."""

import numpy as np
import pytest

from mlxvision.reading import overview


@pytest.mark.parametrize(
    ("size", "shown"), [((100, 200), (32, 64)), ((200, 100), (64, 32)), ((1, 900), (1, 64)), ((5, 5), (64, 64))]
)
def test_the_longer_side_is_as_long_as_wanted(size, shown):
    canvas, found = overview(np.full((*size, 3), 200, np.uint8), 64, 80)
    assert found == shown
    height, width = shown
    assert (canvas[:height, :width] == 200).all()
    assert canvas.shape == (80, 80, 3)
    assert canvas.astype(int).sum() == 200 * 3 * height * width


def test_colours_stay_where_they_are():
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:50, 100:] = 255, 0, 0
    canvas, _ = overview(pixels, 64, 64)
    assert canvas[4, 60].tolist() == [255, 0, 0]
    assert canvas[4, 4].tolist() == canvas[28, 60].tolist() == [0, 0, 0]
