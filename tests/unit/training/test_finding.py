"""Where the model learns to find an answer before it gives one."""

from training.nano.documents.questions import Pair, absence
from training.nano.finding import NOTHING, find

TOLD = ["Corner Cafe", "2 x Tea 3.00", "Cake 3.00", "Total: 6.00", "Card 6.00", "Name:", "Ann Lee", "Ann Lee, Boss"]
SEEN = ["1 Tea 2", "2 Cake 1", "2 receipt"]


def found(question: str, answer: str, at: str = "") -> str:
    return find(Pair(question, answer, at), TOLD, SEEN)


def test_a_line_is_quoted_from_the_words_that_it_is_known_by() -> None:
    assert found("total?", "6.00", "Total") == "Total: 6.00"
    assert found("How much is the cake?", "3.00", "cake") == "Cake 3.00"
    assert found("How much is the tea?", "3.00", "Tea") == "Tea 3.00"


def test_it_is_quoted_as_a_whole_where_the_answer_stands_before_them() -> None:
    assert found("How many tea?", "2", "Tea") == "2 x Tea 3.00"


def test_a_line_that_nobody_knows_is_quoted_from_the_answer_on() -> None:
    assert found("Which shop?", "Corner Cafe") == "Corner Cafe"
    assert found("What was used to pay?", "Card") == "Card 6.00"


def test_a_value_below_its_name_is_quoted_with_it() -> None:
    assert found("Name?", "Ann Lee", "Name") == "Name:\nAnn Lee"


def test_a_long_answer_is_quoted_as_far_as_its_line_goes() -> None:
    assert found("What does it say?", "Corner Cafe serves tea") == "Corner Cafe"


def test_what_is_counted_stands_in_the_last_line_of_the_inventory() -> None:
    assert found("How many items?", "2") == "2 receipt"


def test_nothing_is_quoted_for_what_is_not_there() -> None:
    assert found("tax?", absence("tax")) == NOTHING
    assert found("Is there a star?", "no", "star") == NOTHING
