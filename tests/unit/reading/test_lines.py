import io

import numpy as np
import PIL.Image
import pytest

from mlxvision.reading import TextLine, find_lines
from tests.unit.reading.drawing import GROUND, INK, Page

PROSE = [
    "The harbour lay quiet under a pale sky",
    "while gulls walked along the wet stones",
    "and nobody hurried to open the market.",
    "Two boats came back with empty baskets",
    "but the men sang as if they were full,",
    "for the storm had turned away at dawn.",
]


def y_at(line: TextLine, x: float) -> float:
    return line.baseline[0] * x + line.baseline[1]


def baselines(lines: list[TextLine]) -> list[float]:
    return [y_at(line, line.runs[0][0]) for line in lines]


@pytest.mark.parametrize(("ground", "ink"), [(GROUND, INK), (INK, GROUND), ((250, 240, 200), (30, 60, 200))])
def test_running_text_is_found_line_by_line(ground, ink):
    page = Page(420, 200, ground)
    for i, text in enumerate(PROSE):
        page.write(20, 40 + 22 * i, text, ink=ink)
    lines = find_lines(page.pixels)
    assert baselines(lines) == pytest.approx([40 + 22 * i for i in range(6)], abs=0.7)
    assert all(line.em_px == pytest.approx(16, rel=0.12) for line in lines)
    assert all(line.inverted == (sum(ink) > sum(ground)) for line in lines)
    assert all(len(line.runs) == 1 for line in lines)


def test_the_box_holds_all_ink_of_the_line():
    page = Page(300, 80)
    page.write(30, 50, '"Quay, jetty - pier..."', 20)
    (line,) = find_lines(page.pixels)
    rows, columns = np.nonzero(page.pixels[..., 0] < 130)
    assert (line.box.left, line.box.right) == (columns.min(), columns.max() + 1)
    assert (line.box.top, line.box.bottom) == (rows.min(), rows.max() + 1)


def test_faint_text_is_found():
    page = Page(300, 60, (200, 200, 200))
    page.write(20, 35, "forty levels apart", ink=(160, 160, 160))
    assert baselines(find_lines(page.pixels)) == pytest.approx([35], abs=0.7)


def test_both_kinds_of_ink_live_on_one_page():
    page = Page(400, 200)
    page.write(20, 30, "Choose a button")
    page.draw.rectangle((20, 60, 140, 90), (30, 90, 200))
    page.write(40, 81, "Continue", ink=(255, 255, 255))
    page.draw.rectangle((0, 120, 400, 142), (40, 40, 40))
    page.write(20, 137, "The selected row", ink=(255, 255, 255))
    page.write(20, 170, "The row below it")
    lines = find_lines(page.pixels)
    assert baselines(lines) == pytest.approx([30, 81, 137, 170], abs=0.7)
    assert [line.inverted for line in lines] == [False, True, True, False]


def test_boxed_fields_and_table_cells_are_not_text():
    page = Page(420, 200)
    for row in range(3):
        top = 20 + 50 * row
        for column, text in enumerate(("First name", "Margaret", "17")):
            left = 20 + 130 * column
            page.draw.rectangle((left, top, left + 130, top + 50), outline=INK)
            page.write(left + 12, top + 31, text)
    lines = find_lines(page.pixels)
    assert baselines(lines) == pytest.approx([51, 101, 151], abs=0.7)
    assert all(len(line.runs) == 3 for line in lines)


def test_columns_of_running_text_are_read_one_after_the_other():
    page = Page(760, 220)
    page.write(20, 30, "A heading over both columns of the page", 24)
    page.write_lines(20, 70, PROSE)
    page.write_lines(400, 70, reversed(PROSE))
    lines = find_lines(page.pixels)
    assert [round(line.runs[0][0]) > 300 for line in lines] == [False] * 7 + [True] * 6
    assert all(len(line.runs) == 1 for line in lines)


def test_a_sidebar_of_another_pitch_is_a_column():
    page = Page(640, 240)
    page.write_lines(20, 40, ["Inbox", "Drafts", "Sent", "Archive", "Trash"], pitch=2.3)
    page.write_lines(220, 33, PROSE, pitch=1.4)
    lines = find_lines(page.pixels)
    assert [round(line.runs[0][0]) > 200 for line in lines] == [False] * 5 + [True] * 6


def test_item_and_price_are_one_line_with_two_runs_and_a_separator_is_none():
    page = Page(360, 240)
    page.write(130, 30, "CORNER SHOP")
    items = [("Milk", "3.20"), ("Brown bread", "12.75"), ("Two lemons", "0.90"), ("Total", "16.85")]
    for i, (item, price) in enumerate(items):
        page.write(20, 60 + 24 * i, item)
        page.write(290, 60 + 24 * i, price)
    page.write(20, 160, "-" * 40)
    lines = find_lines(page.pixels)
    assert baselines(lines) == pytest.approx([30, 60, 84, 108, 132], abs=2)
    assert [len(line.runs) for line in lines] == [1, 2, 2, 2, 2]


def test_lone_digits_of_a_table_belong_to_their_row():
    page = Page(420, 160)
    for i, name in enumerate(("Apples", "Pears", "Plums")):
        page.write(20, 40 + 40 * i, name)
        page.write(200, 40 + 40 * i, str(i + 3))
        page.write(360, 40 + 40 * i, str(7 - i))
    assert [len(line.runs) for line in find_lines(page.pixels)] == [3, 3, 3]


def test_small_and_large_text_are_found_on_one_page():
    page = Page(640, 200)
    page.write(20, 90, "Departures", 60)
    page.write(20, 140, "All times are local and may change without notice", 9)
    large, small = find_lines(page.pixels)
    assert (large.em_px, small.em_px) == (pytest.approx(60, rel=0.12), pytest.approx(9, rel=0.15))
    assert baselines([large, small]) == pytest.approx([90, 140], abs=0.7)


def test_a_line_of_small_letters_takes_the_size_of_its_neighbours():
    page = Page(420, 120)
    page.write_lines(20, 40, ["Bread and butter with honey", "cocoa or cream", "Half a dozen of the last figs"])
    assert [line.em_px for line in find_lines(page.pixels)] == pytest.approx([16] * 3, rel=0.12)


def test_a_turned_noisy_photo_is_followed():
    page = Page(520, 260)
    page.write_lines(60, 80, PROSE, 18)
    turned = page.image.rotate(2.5, PIL.Image.Resampling.BICUBIC, fillcolor=GROUND)
    shade = np.linspace(0.55, 1, 520)[None, :, None]
    noise = np.random.default_rng(3).normal(0, 5, (260, 520, 1))
    buffer = io.BytesIO()
    photo = np.clip(np.asarray(turned) * shade + noise, 0, 255).astype(np.uint8)
    PIL.Image.fromarray(photo).save(buffer, "JPEG", quality=50)
    lines = find_lines(np.asarray(PIL.Image.open(buffer).convert("RGB")))
    assert len(lines) == 6
    slope = -np.tan(np.radians(2.5))
    for i, line in enumerate(lines):
        assert line.baseline[0] == pytest.approx(slope, abs=0.008)
        middle = 260 + np.sin(np.radians(2.5)) * (80 + 23.4 * i - 130)
        assert y_at(line, middle) == pytest.approx(130 + (80 + 23.4 * i - 130) * np.cos(np.radians(2.5)), abs=2)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (20, 20), (800, 600)])
def test_a_blank_picture_has_no_lines(size):
    assert find_lines(Page(*size).pixels) == []


def test_coloured_shapes_are_no_text():
    page = Page(500, 300)
    page.draw.ellipse((30, 30, 130, 130), (220, 60, 60))
    page.draw.rectangle((180, 40, 300, 120), (60, 160, 90))
    page.draw.rectangle((330, 40, 480, 120), outline=(60, 60, 200), width=3)
    page.draw.line((20, 200, 480, 200), INK, 2)
    page.draw.rectangle((40, 230, 460, 240), (200, 200, 90))
    assert find_lines(page.pixels) == []


def test_shapes_and_outlines_in_a_row_are_no_text():
    page = Page(420, 160, (30, 90, 220))
    for i, colour in enumerate(((20, 150, 40), (240, 220, 40), (200, 40, 40))):
        box = (20 + 130 * i, 20 + 25 * i, 90 + 130 * i, 90 + 25 * i)
        page.draw.ellipse(box, colour, outline=(250, 250, 250), width=2)
    assert find_lines(page.pixels) == []


def test_leaves_beside_a_caption_are_no_text():
    rng = np.random.default_rng(5)
    page = Page(420, 420)
    for x, y in rng.integers((20, 80), (400, 330), (900, 2)):
        page.draw.ellipse((x, y, x + 7, y + 5), (30, int(rng.integers(60, 200)), 40))
    page.write(20, 40, "Leaves of the garden")
    page.write(20, 390, "Photographed in June")
    lines = find_lines(page.pixels)
    assert {40, 390} <= {round(y) for y in baselines(lines)}
    assert len(lines) <= 8


def test_the_labels_of_tall_bars_are_found():
    page = Page(420, 300)
    for i, (height, label) in enumerate(zip((60, 200, 110, 170), ("Pears", "Plums", "Limes", "Figs"), strict=True)):
        page.draw.rectangle((30 + 100 * i, 260 - height, 70 + 100 * i, 260), (60, 90, 200))
        page.write(30 + 100 * i, 280, label)
        page.write(36 + 100 * i, 252 - height, str(height))
    found = sorted(round(y) for y in baselines(find_lines(page.pixels)))
    assert found == pytest.approx([52, 82, 142, 192, 280], abs=2)


def test_the_box_holds_what_hangs_on_an_underline():
    page = Page(360, 80)
    right = page.write(30, 40, "going by ferry, paying", 20)
    page.draw.line((30, 43, right, 43), INK, 1)
    (line,) = find_lines(page.pixels)
    rows, columns = np.nonzero(page.pixels[..., 0] < 130)
    assert (line.box.left, line.box.right) == (columns.min(), columns.max() + 1)
    assert line.box.bottom == rows.max() + 1


def test_a_dash_alone_in_a_cell_belongs_to_its_row():
    page = Page(420, 120)
    for i, name in enumerate(("Apples", "Pears", "Plums")):
        page.write(20, 30 + 34 * i, name)
        page.write(370, 30 + 34 * i, "-")
    assert [len(line.runs) for line in find_lines(page.pixels)] == [2, 2, 2]


def test_stems_of_letters_are_no_row_of_dashes():
    """As in a font whose arches are too thin to be seen: "minim um"."""
    pixels = np.full((60, 300, 3), 255, np.uint8)
    stems = [20, 29, 38, 50, 62, 71, 83, 95, 104, 113, 140, 149, 161, 170, 179]
    for left in stems:
        pixels[20:38, left : left + 4] = 0
    (line,) = find_lines(pixels)
    assert (line.box.left, line.box.right) == (20, 183)
