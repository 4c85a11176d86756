"""What an answer says of places becomes boxes in the picture."""

from dataclasses import replace

import pytest

from mlxvision.types import Box, Receipt
from tests.fakes.qwen import Tiny, picture
from tests.families.qwen2_5_vl.test_grounding import (
    test_boxes_keep_their_order_and_their_labels_whatever_these_are_called as _labels,
)
from tests.families.qwen2_5_vl.test_grounding import test_what_is_no_answer_of_this_kind_has_no_boxes as _no_answer

test_boxes_keep_their_order_and_their_labels_whatever_these_are_called = _labels
test_what_is_no_answer_of_this_kind_has_no_boxes = _no_answer

CAT = '{"bbox_2d": [0, 4, 80, 1000], "label": "cat"}'


@pytest.fixture
def receipt(tiny: Tiny) -> Receipt:
    """Of a picture of 400x203 px, in whatever size the model saw it."""
    receipt = tiny.family.preprocess(picture("wide"), tiny.config).receipt
    return replace(receipt, width=400, height=203, scaled_width=84, scaled_height=56)


@pytest.mark.parametrize(
    "answer", [CAT, f"[{CAT}]", f"```json\n[\n\t{CAT},\n]\n```", f'Here: [{CAT}, {{"bbox_2d": [1, 2']
)
def test_thousandths_become_pixels_of_the_original(tiny: Tiny, receipt: Receipt, answer: str) -> None:
    assert tiny.family.boxes(answer, receipt) == (("cat", Box(0, 0, 32, 203)),)


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        ([-3, -0.5, 1004.5, 9000], Box(0, 0, 400, 203)),
        ([500, 500, 999, 999], Box(200, 101, 400, 203)),
        ([1, 1, 2, 2], Box(0, 0, 1, 1)),
    ],
)
def test_a_box_is_whole_pixels_and_ends_where_the_picture_does(
    tiny: Tiny, receipt: Receipt, corners: list[float], box: Box
) -> None:
    assert tiny.family.boxes(f'{{"bbox_2d": {corners}}}', receipt) == (("", box),)


@pytest.mark.parametrize(
    "corners",
    [
        *("[1, 2, 3]", '"1 2 3 4"', "[1, 2, null, 4]", "[5, 5, 5, 9]", "[9, 1, 2, 3]", "[1000, 1, 1010, 9]"),
        *("[1, 2, true, 4]", "[1, 2, NaN, 4]", "[1, 2, 1e400, 4]", "[[[[" * 20000),
    ],
)
def test_what_is_no_box_is_left_out(tiny: Tiny, receipt: Receipt, corners: str) -> None:
    assert tiny.family.boxes(f'{{"bbox_2d": {corners}}}', receipt) == ()
