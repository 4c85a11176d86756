import numpy as np
import pytest

from mlxvision.reading import Sheet, find_lines, lay_out, lay_out_figures
from mlxvision.types import Box, Rows
from tests.unit.reading.drawing import INK, Page

ROWS = Rows(canvas_px=216, row_px=24, em_px=16)


def sheets_of(page: Page, rows: Rows = ROWS) -> list[Sheet]:
    return lay_out(page.pixels, find_lines(page.pixels), rows)


def row(sheet: Sheet, number: int, rows: Rows = ROWS) -> np.ndarray:
    return sheet.canvas[number * rows.row_px : (number + 1) * rows.row_px, :, 0]


def inked(row: np.ndarray, axis: int) -> np.ndarray:
    return np.flatnonzero(row.min(axis) < 128)


@pytest.mark.parametrize("em_px", [9, 16, 32, 60])
def test_a_row_has_the_promised_geometry(em_px):
    page = Page(20 * em_px, 4 * em_px)
    page.write(em_px, 2 * em_px, "HEIGHT 12", em_px)
    (sheet,) = sheets_of(page)
    text = row(sheet, 0)
    assert sheet.canvas.shape == (216, 216, 3)
    assert sheet.lines == (0,)
    assert inked(text, 1)[-1] + 1 == pytest.approx(17.5, abs=1)
    assert len(inked(text, 1)) == pytest.approx(0.7 * 16, abs=1.6)
    assert inked(text, 0)[0] in (1, 2)
    assert np.all(sheet.canvas[24:] == 255)


def test_the_geometry_follows_the_model():
    page = Page(400, 80)
    page.write(20, 50, "HEIGHT 12", 20)
    rows = Rows(canvas_px=336, row_px=48, em_px=32)
    (sheet,) = sheets_of(page, rows)
    assert sheet.canvas.shape == (336, 336, 3)
    assert inked(row(sheet, 0, rows), 1)[-1] + 1 == pytest.approx(35, abs=1.5)


@pytest.mark.parametrize(
    ("ground", "ink"), [((200, 200, 200), (150, 150, 150)), ((20, 30, 60), (120, 140, 90)), ((255, 220, 0), (0, 0, 0))]
)
def test_ink_is_dark_and_the_ground_white_whatever_they_were(ground, ink):
    page = Page(300, 60, ground)
    page.write(20, 40, "Plain as day", 20, ink=ink)
    (sheet,) = sheets_of(page)
    text = row(sheet, 0)
    assert np.median(text) >= 250
    assert np.percentile(text[text < 128], 25) <= 60
    assert np.all(sheet.canvas[..., :1] == sheet.canvas)


def test_a_long_line_goes_on_in_the_next_row_between_words():
    page = Page(900, 60)
    words = ["abacus", "bottle", "canvas", "dollar", "ethnic", "fabric", "gutter", "hollow"]
    page.write(10, 40, " ".join(words), 20)
    (sheet,) = sheets_of(page)
    assert len(sheet.lines) > 1
    assert set(sheet.lines) == {0}
    gaps = 0
    for number in range(len(sheet.lines)):
        columns = inked(row(sheet, number), 0)
        assert columns[0] <= 2
        gaps += int((np.diff(columns) > 4).sum())
    assert gaps == len(words) - len(sheet.lines)


def test_a_word_longer_than_a_row_goes_on_in_the_next():
    page = Page(900, 120)
    page.write_lines(10, 40, ["someone.with.a.long.name@an.institute.of.technology.example", "Short words fit"], 20)
    goes_on = [(line, on) for sheet in sheets_of(page) for line, on in zip(sheet.lines, sheet.goes_on, strict=True)]
    assert goes_on[0] == (0, False)
    assert all(on for line, on in goes_on[1:] if line == 0)
    assert not any(on for line, on in goes_on if line == 1)


def test_in_a_font_of_one_width_a_row_ends_between_words():
    page = Page(900, 60)
    for i, character in enumerate("Thursday allusive 11,80 x"):  # a comma has wide gaps
        width = page.write(0, -20, character)
        page.write(10 + 9.6 * i + (9.6 - width) / 2, 40, character)
    (sheet,) = sheets_of(page)
    widths = [int(np.ptp(inked(row(sheet, i), 0))) for i in range(len(sheet.lines))]
    assert widths == pytest.approx([16.7 * 9.6, 6.7 * 9.6], abs=6)
    assert sheet.goes_on == (False, False)


def test_a_figure_fills_a_row_and_keeps_its_colours_and_its_shape():
    page = Page(300, 300, (0, 0, 200))
    page.draw.rectangle((100, 100, 159, 139), (200, 0, 0))
    (sheet,) = lay_out_figures(page.pixels, [Box(100, 100, 160, 140)], ROWS)
    red = np.argwhere((sheet.canvas[..., 0] > 150) & (sheet.canvas[..., 2] < 50))
    height, width = np.ptp(red, 0) + 1
    assert (height, width) == (pytest.approx(20, abs=1), pytest.approx(30, abs=1))
    assert (sheet.canvas[0, 1:30] == (0, 0, 200)).all()
    assert (sheet.canvas[:, 60:] == 255).all()
    assert sheet.lines == (0,)


@pytest.mark.parametrize("box", [Box(0, 0, 300, 3), Box(0, 0, 2, 300), Box(299, 299, 300, 300), Box(0, 0, 300, 300)])
def test_a_figure_of_any_size_fits_into_a_row(box):
    (sheet,) = lay_out_figures(Page(300, 300, (0, 0, 200)).pixels, [box], ROWS)
    blue = np.argwhere(sheet.canvas[..., 0] < 100)
    assert blue.min(0).tolist()[1] == 1 and blue.max(0)[0] < 24 and blue.max(0)[1] < 80


def test_a_wide_gap_is_shortened_to_one_em():
    page = Page(700, 100)
    page.write(20, 40, "Milk", 20)
    page.write(600, 40, "3.20", 20)
    (sheet,) = sheets_of(page)
    assert sheet.lines == (0,)
    assert np.diff(inked(row(sheet, 0), 0)).max() == pytest.approx(16, abs=5)


def test_lines_fill_as_many_sheets_as_they_need():
    page = Page(200, 500)
    page.write_lines(20, 40, [f"Entry {i}" for i in range(20)])
    sheets = sheets_of(page)
    assert [number for sheet in sheets for number in sheet.lines] == list(range(20))
    assert [len(sheet.lines) for sheet in sheets] == [9, 9, 2]


def test_neighbours_and_borders_leave_no_ink_in_a_row():
    page = Page(300, 120)
    page.write_lines(30, 40, ["Jigging pygmy", "EEEE EEEE", "Hilltop field"], 20, pitch=1.15)
    page.draw.rectangle((22, 14, 200, 98), outline=INK)
    (sheet,) = sheets_of(page)
    rows = inked(row(sheet, 1), 1)
    assert rows[0] >= 4
    assert rows[-1] <= 18


@pytest.mark.parametrize("mark", ["-", "=", "_", ".", ",", "'", ":", "~"])
def test_small_marks_stay(mark):
    page = Page(300, 60)
    page.write(20, 40, f"HILL {mark} HILL", 24)
    (sheet,) = sheets_of(page)
    without = Page(300, 60)
    without.write(20, 40, "HILL HILL", 24)
    (bare,) = sheets_of(without)
    stretches = [(np.diff(inked(row(s, 0), 0)) > 1).sum() for s in (sheet, bare)]
    assert stretches[0] == stretches[1] + 1


def test_no_lines_make_no_sheets():
    assert lay_out(Page(50, 50).pixels, [], ROWS) == []
