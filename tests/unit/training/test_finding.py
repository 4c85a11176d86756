"""Where the model learns to find an answer before it gives one."""

import pytest

from training.nano.documents.questions import Pair, absence
from training.nano.finding import find

TOLD = ["Corner Cafe", "2 x Tea 3.00", "Cake 3.00", "Amount due: 6.00", "Card 6.00", "Name:", "Ann Lee", "red circle"]
SEEN = ["1 Tea 2", "2 Cake 1", "number: 2", "picture: receipt"]


@pytest.mark.parametrize(
    ("pair", "quotation"),
    [
        (Pair("How much is the cake?", "3.00", "cake", "cake"), "cake 3.00"),
        (Pair("How much is the tea?", "3.00", "tea", "tea"), "tea 3.00"),
        (Pair("total?", "6.00", "total", "Amount due"), "total: 6.00"),
    ],
)
def test_what_is_asked_for_is_said_and_then_the_rest_of_its_line(pair: Pair, quotation: str) -> None:
    assert find(pair, TOLD, SEEN).text == quotation


def test_the_whole_line_is_said_where_the_answer_stands_before() -> None:
    assert find(Pair("How many tea?", "2", "tea", "Tea"), TOLD, SEEN).text == "tea: 2 x Tea 3.00"
    assert find(Pair("Is there a circle?", "yes", "circle", "circle"), TOLD, SEEN).text == "circle: red circle"


def test_a_line_that_has_no_name_is_said_from_the_answer_on() -> None:
    assert find(Pair("Which shop?", "Corner Cafe", "shop"), TOLD, SEEN).text == "shop: Corner Cafe"
    assert find(Pair("What was used to pay?", "Card", "payment"), TOLD, SEEN).text == "payment: Card 6.00"
    assert find(Pair("What does it say?", "Corner Cafe serves tea", "text"), TOLD, SEEN).text == "text: Corner Cafe"


def test_a_value_below_its_name_is_said_with_it() -> None:
    assert find(Pair("name?", "Ann Lee", "name", "Name"), TOLD, SEEN).text == "name:\nAnn Lee"


def test_what_is_counted_and_what_the_picture_is_stand_in_the_inventory() -> None:
    assert find(Pair("How many items?", "2", "number"), TOLD, SEEN).text == "number: 2"
    assert find(Pair("What is this?", "A receipt from Corner Cafe.", "picture"), TOLD, SEEN).text == "picture: receipt"


def test_nothing_is_said_of_what_is_not_there() -> None:
    assert find(Pair("tax?", absence("tax"), "tax"), TOLD, SEEN).text == "tax: nothing"
    assert find(Pair("Is there a star?", "no", "star", "star"), TOLD, SEEN).text == "star: nothing"
