"""How a picture is cut into windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxvision.errors import ModelFormatError
from mlxvision.families.qwen2_5_vl.vision import windows_by_shape
from tests.fakes.qwen import PREPROCESSOR, Tiny

sides = st.integers(1, 12)


@given(rows=sides, columns=sides, side=st.integers(1, 5))
def test_every_token_is_in_the_window_over_its_place_and_windows_of_one_group_are_alike(
    rows: int, columns: int, side: int
) -> None:
    groups = windows_by_shape(rows, columns, side)
    assert sorted(np.concatenate([group.ravel() for group in groups]).tolist()) == list(range(rows * columns))
    for group in groups:
        for window in group:
            assert len({(t // columns // side, t % columns // side) for t in window.tolist()}) == 1
    n_windows = -(-rows // side) * -(-columns // side)
    assert sum(len(group) for group in groups) == n_windows
    assert len(groups) <= 4


@pytest.mark.parametrize(
    ("key", "value"),
    [("window_size", 3), ("window_size", 0), ("fullatt_block_indexes", [4]), ("fullatt_block_indexes", None)],
)
def test_an_implausible_window_is_refused(tiny: Tiny, key: str, value: object) -> None:
    with pytest.raises(ModelFormatError, match=key):
        tiny.family.read_config({**tiny.config_json, "vision_config": {**tiny.vision, key: value}}, PREPROCESSOR)
