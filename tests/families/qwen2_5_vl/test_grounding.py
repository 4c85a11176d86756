"""What an answer says of places becomes boxes in the picture."""

from dataclasses import replace

import pytest

from mlxvision.types import Box, Receipt
from tests.fakes.qwen import Tiny, picture

CAT = '{"bbox_2d": [0, 4, 80, 41], "label": "cat"}'


@pytest.fixture
def receipt(tiny: Tiny) -> Receipt:
    """Of a picture of 400x203 px that the model saw as 84x56."""
    receipt = tiny.family.preprocess(picture("wide"), tiny.config).receipt
    return replace(receipt, width=400, height=203, scaled_width=84, scaled_height=56)


@pytest.mark.parametrize(
    "answer",
    [
        CAT,
        f"[{CAT}]",
        f"```json\n[\n\t{CAT},\n]\n```",
        f'Here: [{CAT}, {{"bbox_2d": [1, 2',
        f'{{"objects": [{CAT}]}}',
        f'{{"objects": [{CAT}, {{"bbox',
        f'{{cat}}: {CAT[:-1]}, "is": {{"colour": "red"}}}}',
    ],
)
def test_pixels_that_the_model_saw_become_pixels_of_the_original(tiny: Tiny, receipt: Receipt, answer: str) -> None:
    assert tiny.family.boxes(answer, receipt) == (("cat", Box(0, 14, 381, 149)),)


def test_boxes_keep_their_order_and_their_labels_whatever_these_are_called(tiny: Tiny, receipt: Receipt) -> None:
    items = [f'{{"bbox_2d": [1, 1, 9, 9], "{name}": "{name}!"}}' for name in ("label", "text_content", "other")]
    assert [label for label, _ in tiny.family.boxes(f"[{','.join(items)}]", receipt)] == ["label!", "text_content!", ""]


def test_braces_in_a_label_are_part_of_it(tiny: Tiny, receipt: Receipt) -> None:
    ((label, _),) = tiny.family.boxes(CAT.replace("cat", "a {b} } c"), receipt)
    assert label == "a {b} } c"


def test_a_box_ends_where_the_picture_does(tiny: Tiny, receipt: Receipt) -> None:
    ((_, box),) = tiny.family.boxes('{"bbox_2d": [-3, -0.5, 84.5, 900]}', receipt)
    assert box == Box(0, 0, 400, 203)


@pytest.mark.parametrize(
    "corners",
    [
        "[1, 2, 3]",
        '"1 2 3 4"',
        "[1, 2, null, 4]",
        "[5, 5, 5, 9]",
        "[9, 1, 2, 3]",
        "[90, 1, 99, 9]",
        "[1, 2, true, 4]",
        "[1, 2, NaN, 4]",
        "[1, 2, 1e400, 4]",
        "[[[[" * 20000,
    ],
)
def test_what_is_no_box_is_left_out(tiny: Tiny, receipt: Receipt, corners: str) -> None:
    assert tiny.family.boxes(f'{{"bbox_2d": {corners}}}', receipt) == ()


@pytest.mark.parametrize("answer", ["", "Nothing.", "{bbox_2d}", '{"label": "cat"}', "{{}}"])
def test_what_is_no_answer_of_this_kind_has_no_boxes(tiny: Tiny, receipt: Receipt, answer: str) -> None:
    assert tiny.family.boxes(answer, receipt) == ()
