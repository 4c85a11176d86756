"""What the model says of a picture before it is asked anything."""

from random import Random

import pytest

from training.nano.documents import Document, draw
from training.nano.few import FewWords, pillows_face
from training.nano.inventory import inventory
from training.nano.sample import Source, Thing


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source((pillows_face(tmp_path_factory.mktemp("fonts")),), FewWords(), 0.0)


def document(**parts: object) -> Document:
    empty = dict.fromkeys(Document.__dataclass_fields__, ())
    return Document(**empty | parts)


def test_shapes_are_counted_and_not_named_again() -> None:
    shapes = (Thing("red", "circle", (0, 4, 2, 6), 3.0), Thing("red", "square", (6, 0, 8, 3), 6.0))
    assert inventory(document(things=shapes, whole="scene on white"), "") == "number: 2\npicture: scene on white"


def test_a_bar_is_what_can_be_seen_of_it() -> None:
    tall, short = (Thing("blue", "bar", (0, top, 10, 20), 1.0, ("Jan",)) for top in (0, 10))
    assert (tall.name, short.name) == ("blue rectangle", "blue square")


def test_entries_are_counted_as_far_as_they_were_read() -> None:
    bought = document(entries=(("Tea", "2"), ("Cake", "1"), ("Milk", "3")), whole="receipt")
    assert inventory(bought, "Tea 2.00\nMilk 3.00") == "1 Tea 2\n2 Milk 3\nnumber: 2\npicture: receipt"


def test_a_document_is_drawn_with_its_entries(source: Source) -> None:
    form = draw(Random(1), source, "form")
    assert form.entries and all(name in "\n".join(form.lines) for name, _ in form.entries)
