"""What an answer says of places becomes boxes in the picture."""

from dataclasses import replace

import pytest

from mlxvision.types import Box, Receipt
from tests.fakes.qwen import Tiny, picture


@pytest.fixture
def receipt(tiny: Tiny) -> Receipt:
    return replace(tiny.family.preprocess(picture("wide"), tiny.config).receipt, width=400, height=203)


@pytest.mark.parametrize("space", ["", " "])
def test_thousandths_become_pixels_of_the_original(tiny: Tiny, receipt: Receipt, space: str) -> None:
    answer = f"the cat(0,{space}100),(500,{space}999)\na dog: (250,0),(1000,500)"
    expected = (("the cat", Box(0, 20, 200, 203)), ("a dog", Box(100, 0, 400, 102)))
    assert tiny.family.boxes(answer, receipt) == expected


def test_several_places_may_stand_in_one_line(tiny: Tiny, receipt: Receipt) -> None:
    assert [label for label, _ in tiny.family.boxes("cup(1,1),(2,2), pot(3,3),(4,4)", receipt)] == ["cup", "pot"]


@pytest.mark.parametrize(
    "answer", ["", "Nothing.", "(1,2)", "a(5,5),(5,9)", "a(9,1),(2,3)", "a(0,0),(1001,5)", "f(1,2),(3", "a" * 300_000]
)
def test_what_is_no_box_is_left_out(tiny: Tiny, receipt: Receipt, answer: str) -> None:
    assert tiny.family.boxes(answer, receipt) == ()
