"""Shapes and bars, apart from text, and what is told about them."""

import math

import numpy as np
import PIL.Image
import pytest

from mlxvision.reading import Figure, captions, find_figures, find_lines, list_figures, split_runs
from mlxvision.types import Box
from tests.unit.reading.drawing import Page

RED, BLUE, GREEN, YELLOW = (210, 20, 30), (30, 60, 200), (20, 150, 40), (250, 220, 20)


def found(pixels):
    return find_figures(pixels, find_lines(pixels))


def boxes(figures):
    return [(f.box.left, f.box.top, f.box.right, f.box.bottom) for f in figures]


def corners(x, y, radius, count, inner=1.0):
    """A polygon, or a star where every other corner is nearer."""
    return [
        (x + r * math.sin(math.pi * 2 * n / count), y - r * math.cos(math.pi * 2 * n / count))
        for n, r in ((n, radius * (inner if n % 2 else 1)) for n in range(count))
    ]


def shapes(page):
    page.draw.ellipse((20, 30, 80, 90), RED)
    page.draw.polygon(corners(150, 60, 35, 10, 0.4), BLUE)
    page.draw.polygon(corners(240, 60, 30, 3), GREEN)
    page.draw.rectangle((300, 40, 360, 70), YELLOW)


def bars(page, *, shown=True):
    page.draw.line((30, 180, 380, 180), (90, 90, 90), 2)
    for i, (name, height) in enumerate((("Jan", 60), ("Feb", 120), ("Mar", 90))):
        left = 50 + 110 * i
        page.draw.rectangle((left, 180 - height, left + 60, 180), BLUE)
        page.write(left + 15, 200, name, 16)
        if shown:
            page.write(left + 18, 175 - height, str(height), 16)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (130, 130, 130)])
def test_every_shape_is_found_from_left_to_right(ground):
    page = Page(400, 120, ground)
    shapes(page)
    _, figures = found(page.pixels)
    around = [(20, 30, 81, 91), (117, 25, 184, 89), (214, 30, 267, 76), (300, 40, 361, 71)]
    assert boxes(figures) == [pytest.approx(box, abs=3) for box in around]
    assert [f.area for f in figures] == pytest.approx([2827, 1370, 1169, 1800], rel=0.15)


def test_a_ground_that_changes_from_edge_to_edge_is_a_ground():
    ramp = np.linspace(120, 200, 400)[None, :, None].repeat(120, 0).repeat(3, 2).astype(np.uint8)
    page = Page(400, 120)
    page.image.paste(PIL.Image.fromarray(ramp))
    shapes(page)
    assert len(found(page.pixels)[1]) == 4


def test_noise_hides_no_shape_and_makes_none():
    page = Page(400, 120)
    shapes(page)
    noise = np.random.default_rng(1).normal(0, 8, page.pixels.shape)
    assert len(found(np.clip(page.pixels + noise, 0, 255).astype(np.uint8))[1]) == 4


def test_bars_on_one_axis_are_bars_of_their_own():
    page = Page(400, 220)
    bars(page)
    _, figures = found(page.pixels)
    assert [f.box.left for f in figures] == pytest.approx([50, 160, 270], abs=3)
    assert [f.area for f in figures] == pytest.approx([60 * 61, 120 * 61, 90 * 61], rel=0.1)


@pytest.mark.parametrize("em_px", [12, 18, 40])
def test_letters_are_no_figures(em_px):
    page = Page(30 * em_px, 5 * em_px)
    page.write_lines(em_px, 2 * em_px, ["I lie. l-l 1 = 1!", "O. Ill, HIM — TIE"], em_px)
    lines = find_lines(page.pixels)
    assert find_figures(page.pixels, lines) == (lines, [])


@pytest.mark.parametrize("text", ["Nếu", "Ả nhầy", "OH!", "Il.1"])
def test_a_picture_of_one_word_is_text(text):
    page = Page(30 + 30 * len(text), 70)
    page.write(15, 50, text, 40)
    lines = find_lines(page.pixels)
    assert find_figures(page.pixels, lines) == (lines, [])


def test_what_text_stands_on_is_no_figure():
    page = Page(400, 160)
    page.draw.rectangle((40, 40, 200, 90), BLUE)
    page.write(60, 73, "Continue", 24, (255, 255, 255))
    texts, figures = found(page.pixels)
    assert (len(texts), figures) == (1, [])


def test_a_photograph_has_no_figures():
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    pixels = np.asarray(PIL.Image.fromarray(noise).resize((640, 480), PIL.Image.Resampling.BICUBIC))
    assert found(pixels)[1] == []


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 3)])
def test_the_smallest_pictures_have_none(size):
    assert found(np.full((*size, 3), 200, np.uint8)) == ([], [])


def test_a_row_of_shapes_is_not_taken_for_text():
    page = Page(400, 120)
    for x in (60, 130, 200, 270):
        page.draw.polygon(corners(x, 60, 28, 3), RED)
    texts, figures = found(page.pixels)
    assert (texts, len(figures)) == ([], 4)


def test_what_is_written_at_a_bar_is_known_its_name_first():
    page = Page(400, 220)
    page.write(120, 24, "Visitors", 18)
    bars(page)
    texts, figures = found(page.pixels)
    texts = split_runs(texts)
    below, above = (
        [sorted(i for i, t in enumerate(texts) if low <= t.box.bottom <= high) for low, high in limits]
        for limits in ([(195, 206)] * 3, [(110, 122), (50, 62), (80, 92)])
    )
    names = sorted(below[0], key=lambda i: texts[i].box.left)
    assert captions(figures, texts) == [[name, *value] for name, value in zip(names, above, strict=True)]


def test_lying_bars_stand_from_top_to_bottom_and_have_their_names_at_the_left():
    page = Page(420, 160)
    for i, (name, width) in enumerate((("Tea", 200), ("Milk", 90), ("Rice", 150))):
        page.draw.rectangle((100, 20 + 45 * i, 100 + width, 45 + 45 * i), GREEN)
        page.write(50, 38 + 45 * i, name, 16)
        page.write(106 + width, 38 + 45 * i, str(width), 16)
    texts, figures = found(page.pixels)
    texts = split_runs(texts)
    assert [f.box.top for f in figures] == pytest.approx([20, 65, 110], abs=3)
    found_at = captions(figures, texts)
    assert [[texts[n].box.left for n in own] for own in found_at] == [
        pytest.approx([50, 106 + width], abs=4) for width in (200, 90, 150)
    ]


def test_the_list_says_what_each_is_and_which_stand_out():
    figures = [
        Figure(Box(0, 40, 10, 50), 100.0),
        Figure(Box(20, 0, 60, 40), 1600.0),
        Figure(Box(70, 20, 75, 25), 25.0),
    ]
    told = list_figures(figures, ["red circle", "blue square", "red star"], [["Jan", "5"], [], ["Mar"]])
    assert told.splitlines() == [
        "Jan; 5; red circle",
        "blue square",
        "Mar; red star",
        "left: Jan",
        "right: Mar",
        "top: blue square",
        "bottom: Jan",
        "largest: blue square",
        "smallest: Mar",
        "red shapes: 2",
        "figures: 3",
    ]


def test_one_figure_stands_out_of_nothing():
    told = list_figures([Figure(Box(0, 0, 9, 9), 81.0)], ["red square"], [[]])
    assert told.splitlines() == ["red square", "figures: 1"]
    assert list_figures([], [], []) == ""
