"""The documents that the bundled model is trained on; drawn here in Pillow's own font, with a few words."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image

from training.nano.documents import (
    KINDS,
    article,
    chart,
    dialog,
    draw,
    form,
    invoice,
    label,
    listing,
    names,
    photograph,
    receipt,
    scene,
    table,
    topics,
)
from training.nano.documents import questions as asking
from training.nano.documents.money import Money
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import NAMED, Style
from training.nano.few import FewWords, pillows_face
from training.nano.fonts import CHARACTERS, Face
from training.nano.sample import Source

SEEDS = range(6)


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Face:
    return pillows_face(tmp_path_factory.mktemp("fonts"))


@pytest.fixture(params=[0.0, 1.0], ids=["clean", "photographed"])
def source(request: pytest.FixtureRequest, face: Face) -> Source:
    return Source((face,), FewWords(), request.param)


def receipts() -> list[receipt.Receipt]:
    return [receipt.invent(Random(seed), FewWords()) for seed in range(200)]


def all_topics() -> list[asking.Topic]:
    modules = (article, chart, dialog, form, invoice, label, listing, receipt, scene, table, topics)
    return [value for module in modules for value in vars(module).values() if isinstance(value, asking.Topic)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_the_same_for_the_same_chance(kind: str, source: Source) -> None:
    one, other = (draw(Random(3), source, kind) for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert np.array_equal(one.boxes, other.boxes)
    assert (one.lines, one.questions, one.description) == (other.lines, other.questions, other.description)


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_has_a_box_with_ink_on_the_picture(kind: str, source: Source) -> None:
    for seed in SEEDS:
        document = draw(Random(seed), source, kind)
        height, width, _ = document.picture.shape
        assert 150 <= height <= 1100 and 150 <= width <= 1100 and document.picture.dtype == np.uint8
        assert document.boxes.shape == (len(document.lines), 4)
        for left, top, right, bottom in document.boxes:
            assert 0 <= left < right <= width + 1 and 0 <= top < bottom <= height + 1
            inside = document.picture[int(top) : int(bottom) + 2, int(left) : int(right) + 2]
            assert np.ptp(inside.astype(int).sum(2)) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_only_known_characters_are_printed_asked_and_answered(kind: str, source: Source) -> None:
    for seed in SEEDS:
        document = draw(Random(seed), source, kind)
        texts = [*document.lines, document.description, *(text for pair in document.questions for text in pair[:2])]
        assert document.questions and all(texts)
        assert set("".join(texts)) <= set(CHARACTERS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_denied_is_not_printed(kind: str, source: Source) -> None:
    denials = 0
    for seed in range(8):
        document = draw(Random(seed), source, kind)
        text = " ".join(document.lines).lower()
        for _, answer, *_ in document.questions:
            if answer.startswith("There is no "):
                denials += 1
                thing = answer.removeprefix("There is no ").removesuffix(" in this image.")
                assert thing and thing.lower() not in text
    assert denials


def test_about_one_question_in_six_does_not_apply(source: Source) -> None:
    pairs = [pair for kind in KINDS for seed in range(16) for pair in draw(Random(seed), source, kind).questions]
    denied = sum(asking.denies(pair.answer) for pair in pairs)
    assert 0.14 < denied / len(pairs) < 0.22


def test_a_denial_of_something_printed_is_found_out() -> None:
    assert asking.contradicted(asking.Pair("tax?", "There is no tax in this image."), "Sales TAX 5%")
    assert not asking.contradicted(asking.Pair("tax?", "There is no tax in this image."), "Total 5.00")
    assert not asking.contradicted(asking.Pair("total?", "5.00"), "Total 5.00")


@pytest.mark.parametrize("topic", all_topics(), ids=lambda topic: topic.phrasings[0])
def test_every_question_has_many_phrasings_some_of_them_terse(topic: asking.Topic) -> None:
    assert len(set(topic.phrasings)) >= 6
    assert any(phrasing[0].islower() or phrasing[0] == "{" or len(phrasing) < 22 for phrasing in topic.phrasings)
    if "{}" in topic.thing:
        assert all("{}" in phrasing for phrasing in topic.phrasings)


def test_the_sums_of_a_receipt_agree() -> None:
    for r in receipts():
        assert r.subtotal + r.tax == r.total == r.sum + (0 if r.tax_inside else r.tax)
        assert r.given >= r.total and r.given - r.total < r.note
        assert bool(r.tax) == bool(r.tax_percent)


def test_the_answers_about_a_receipt_stand_on_it(source: Source) -> None:
    counts = {str(n) for n in range(1, 10)}
    for seed in range(20):
        document = draw(Random(seed), source, "receipt")
        text = " ".join(document.lines)
        for question, answer, *_ in document.questions:
            if not answer.startswith("There is no ") and answer not in counts:
                assert all(part in text for part in answer.split(", ")), question


def test_a_thing_that_was_not_bought_has_no_price() -> None:
    r = receipts()[0]
    pairs = [pair for seed in range(60) for pair in r.questions(Random(seed))]
    about = [answer for question, answer, *_ in pairs if r.stranger.lower() in question.lower()]
    assert about
    assert all(answer.startswith("There is no ") and r.stranger.lower() in answer.lower() for answer in about)


def test_the_price_of_a_thing_is_the_amount_beside_it() -> None:
    items = receipt.Item("Tea", 2, 150), receipt.Item("Espresso", 1, 275)
    r = replace(receipts()[0], items=items, money=Money("$", True), signed=False, tax_percent=0)
    pairs = {pair[:2] for seed in range(500) for pair in r.questions(Random(seed))}
    assert ("What does the Tea cost?", "3.00") in pairs
    assert ("How much is the Espresso?", "2.75") in pairs
    assert ("How many Tea?", "2") in pairs
    assert ("What is the total?", "$5.75") in pairs
    assert ("What is the tax?", "There is no tax in this image.") in pairs


def test_amounts_are_printed_as_in_the_country() -> None:
    assert Money("$", True).show(1840) == "$18.40"
    assert Money("€", False, " ", ",", ".").show(123405) == "1.234,05 €"
    assert Money("₫", False, "", "", ".", 0).show(45000) == "45.000₫"
    assert Money("", False, "", ",", "").show(7) == "0,07"


def test_the_fields_of_a_form_answer_to_their_labels() -> None:
    f = form.Form("Profile", ":", (("City", "Oslo"), ("Status", "Paid"), ("Team", "Sales")), ("IBAN",))
    pairs = {pair[:2] for seed in range(500) for pair in f.questions(Random(seed))}
    assert {("What is the City?", "Oslo"), ("What is the value of Status?", "Paid"), ("Team?", "Sales")} <= pairs
    assert ("What is the IBAN?", "There is no IBAN in this image.") in pairs
    assert f.describe() == "A form titled Profile with 3 fields. City is Oslo and Status is Paid."


def test_a_dialog_names_its_buttons() -> None:
    d = dialog.Dialog("Save changes?", "Your work is not saved.", ("Save", "Cancel"), "Retry")
    assert d.describe().startswith("A dialog titled Save changes? with the buttons Save and Cancel.")
    pairs = {pair[:2] for seed in range(60) for pair in d.questions(Random(seed))}
    assert ("Which buttons are there?", "Save and Cancel") in pairs
    assert ("Is there a Retry button?", "no") in pairs


def shapes(*radii: float) -> scene.Scene:
    kinds, colours = ("circle", "circle", "star"), ("red", "blue", "green")
    found = (scene.Shape(*shape) for shape in zip(kinds, colours, (0.2, 0.5, 0.8), (0.5, 0.5, 0.5), radii, strict=True))
    return scene.Scene(tuple(found), "white", 1.0)


def questions_about(s: scene.Scene) -> dict[str, str]:
    return dict(pair[:2] for seed in range(500) for pair in s.questions(Random(seed)))


def test_a_scene_is_counted_and_its_shapes_are_told_apart() -> None:
    answers = questions_about(shapes(0.05, 0.05, 0.12))
    assert answers["How many shapes are there?"] == "3"
    assert answers["How many circles are there?"] == "2"
    assert answers["What colour is the star?"] == "green"
    assert answers["What colour is the hexagon?"] == "There is no hexagon in this image."
    assert answers["What shape is on the left?"] == "circle"
    assert answers["Which shape is the largest?"] == "star"
    assert answers["Is there a red circle?"] == "yes"


@pytest.mark.parametrize("kind", ["scene", "chart"])
def test_the_middle_of_a_thing_has_its_colour(kind: str, face: Face) -> None:
    for seed in SEEDS:
        document = draw(Random(seed), Source((face,), FewWords(), 0.0), kind)
        assert document.things
        for thing in document.things:
            left, top, right, bottom = thing.box
            seen = document.picture[round((top + bottom) / 2), round((left + right) / 2)].astype(int)
            low, high = NAMED[thing.colour]
            assert (np.array(low) - 8 <= seen).all()
            assert (seen <= np.array(high) + 8).all()


def test_nobody_asks_for_the_largest_of_equals_or_for_the_colour_of_one_of_two() -> None:
    answers = questions_about(shapes(0.1, 0.1, 0.1))
    assert "What colour is the circle?" not in answers
    assert "Which shape is the largest?" not in questions_about(shapes(0.1, 0.095, 0.13))


def test_a_scene_is_described_from_left_to_right() -> None:
    text = "A picture with 3 shapes: a red circle, a blue circle and a green star. The background is white."
    assert shapes(0.1, 0.1, 0.1).describe() == text


@pytest.mark.parametrize("seed", range(25))
def test_boxes_follow_the_camera(seed: int) -> None:
    image = Image.new("RGB", (400, 300), "white")
    image.paste((0, 0, 0), (60, 200, 160, 230))
    picture, ((left, top, right, bottom),) = photograph(
        Random(seed), image, np.array([(60, 200, 160, 230)], np.float32), 1.0, true_colours=True
    )
    rows, columns = np.nonzero(picture.astype(int).sum(2) < 250)
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.abs(np.array(seen) - (left, top, right, bottom)).max() < 3


def test_parts_of_a_row_are_one_line_and_columns_are_read_one_after_the_other(face: Face) -> None:
    white, black = NAMED["white"][1], NAMED["black"][0]
    sheet = Sheet(Style(face, face, white, black, black, black), 400, 200)
    font = sheet.style.font(16)
    sheet.write(300, 41, "3.20", font, align=1)
    sheet.write(10, 40, "Milk", font)
    sheet.write(10, 70, "Bread", font)
    sheet.column = 1
    sheet.write(320, 30, "aside", font)
    lines, boxes = sheet.lines()
    assert lines == ("Milk 3.20", "Bread", "aside")
    assert boxes[0, 0] == 10 and abs(boxes[0, 2] - 300) < 2


def test_names_of_the_held_out_part_are_never_trained_on() -> None:
    rng, seen, held = Random(0), FewWords(), FewWords(held=True)
    trained = {names.product(rng, seen, language) for language in names.LANGUAGES for _ in range(300)}
    unseen = {names.product(rng, held, "English") for _ in range(300)}
    assert len(unseen) > 20
    assert not trained & unseen
