"""What the model says of a picture before it is asked anything."""

from training.nano.inventory import inventory
from training.nano.sample import Thing


def test_each_shape_has_its_place_and_running_counts_and_some_stand_out() -> None:
    shapes = [
        Thing("red", "circle", (0, 4, 2, 6), size=3.0),
        Thing("red", "square", (6, 0, 8, 3), size=6.0),
        Thing("red", "circle", (10, 10, 11, 11), size=1.0),
    ]
    assert [text for text, _ in inventory(shapes, "scene on white")] == [
        "bf 1 red 1 circle 1 1",
        "hb 2 red 2 square 1 1",
        "kk 3 red 3 circle 2 2",
        "largest hb red square",
        "smallest kk red circle",
        "left bf red circle",
        "right kk red circle",
        "top hb red square",
        "bottom kk red circle",
        "scene on white",
    ]


def test_bars_go_by_the_words_that_are_printed_for_them() -> None:
    bars = [
        Thing("blue", "bar", (0, 2, 1, 10), 30, ("Jan", "30 kg")),
        Thing("blue", "bar", (3, 4, 4, 10), 20, ("Feb", "20 kg")),
    ]
    assert [text for text, _ in inventory(bars, "chart")] == [
        "ag 1 Jan 30 kg blue", "dh 2 Feb 20 kg blue", "largest ag Jan", "smallest dh Feb", "chart",
    ]  # fmt: skip


def test_each_line_knows_of_what_it_speaks() -> None:
    shape = Thing("red", "star", (0, 0, 1, 1), 1.0)
    assert [thing for _, thing in inventory([shape], "scene on white")] == [shape, None]


def test_a_picture_of_text_is_named() -> None:
    assert [text for text, _ in inventory([], "receipt")] == ["receipt"]
