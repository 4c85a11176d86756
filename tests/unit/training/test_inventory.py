"""What the model says of a picture before it is asked anything."""

from random import Random

import numpy as np
import pytest

from training.nano.asking import LOOK_REQUEST, ask
from training.nano.characters import ROW_MARKS, conversation, decode
from training.nano.cutting import cut_figures
from training.nano.documents import Document, draw
from training.nano.few import FewWords, pillows_face
from training.nano.inventory import inventory
from training.nano.mixture import collate
from training.nano.model import GRID, PATCH
from training.nano.rows import stack
from training.nano.sample import Sample, Source, Thing


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source((pillows_face(tmp_path_factory.mktemp("fonts")),), FewWords(), 0.0)


def document(**parts: object) -> Document:
    empty = dict.fromkeys(Document.__dataclass_fields__, ())
    return Document(**empty | parts)


def test_shapes_are_counted_one_by_one() -> None:
    shapes = (
        Thing("red", "circle", (0, 4, 2, 6), 3.0),
        Thing("red", "square", (6, 0, 8, 3), 6.0),
        Thing("red", "circle", (10, 10, 11, 11), 1.0),
    )
    assert inventory(document(things=shapes, whole="scene on white"), "").splitlines() == [
        "1 red 1 circle 1 1",
        "2 red 2 square 1 1",
        "3 red 3 circle 2 2",
        "3 scene on white",
    ]


def test_a_bar_is_what_can_be_seen_of_it() -> None:
    tall, short = (Thing("blue", "bar", (0, top, 10, 20), 1.0, ("Jan",)) for top in (0, 10))
    assert (tall.name, short.name) == ("blue rectangle", "blue square")


def test_entries_are_counted_as_far_as_they_were_read() -> None:
    bought = document(entries=(("Tea", "2"), ("Cake", "1"), ("Milk", "3")), whole="receipt")
    assert inventory(bought, "Tea 2.00\nMilk 3.00") == "1 Tea 2\n2 Milk 3\n2 receipt"


def test_every_picture_is_looked_at_before_it_is_asked_about(source: Source) -> None:
    for seed in range(40):
        sample = ask(Random(seed), source, (12, 12))
        (told, seen), *asked = sample.turns
        assert told.endswith(LOOK_REQUEST) and seen and asked


def test_the_figures_of_a_scene_are_told_as_the_engine_tells_them(source: Source) -> None:
    scenes = [turns for seed in range(40) if "scene on" in (turns := ask(Random(seed), source, (12, 12)).turns)[0][1]]
    assert scenes
    for (told, seen), *_ in scenes:
        listing = told.split("\n\n")[-2]
        named = [line.split("; ")[0] for line in listing.splitlines()]
        counted = [" ".join(line.split()[1:4:2]) for line in seen.splitlines()[:-1]]
        assert named == counted


def test_a_row_with_a_figure_says_its_colour_and_its_shape(source: Source) -> None:
    rows = cut_figures(Random(3), source)
    batch = collate("figures", [stack(rows[:1], 1, GRID * PATCH)])
    (answer,) = (decode(ids.tolist()) for ids in batch.ids)
    assert answer.endswith(ROW_MARKS[0] + rows[0].text)
    looked = batch.there[batch.labels >= 0][:-1]
    assert looked.min() == looked.max() == GRID + int(rows[0].centres[0]) // PATCH
    known = batch.dense[0][batch.dense[0][:, 0] > 0]
    assert known.shape == (1, 2)


def test_an_entry_s_name_is_known_to_stand_in_the_text() -> None:
    turns = (("Green tea 4.20\n\nLook.", "1 Green tea\n1 receipt"), ("price?", "4.20"))
    ids, _ = conversation(turns)
    batch = collate("questions", [Sample(np.zeros((PATCH, PATCH, 3), np.uint8), turns)])
    said = [decode([ids[at]]) for at in batch.source[0, :, 0].tolist() if at >= 0]
    assert "".join(said) == "Green tea" + "4.20"


def test_a_document_is_drawn_with_its_entries(source: Source) -> None:
    form = draw(Random(1), source, "form")
    assert form.entries and all(name in "\n".join(form.lines) for name, _ in form.entries)
