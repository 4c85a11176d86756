"""Reading a picture line by line."""

from dataclasses import replace

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from mlxvision.engine import Engine
from mlxvision.errors import ModelFormatError, UsageError
from mlxvision.images import open_image
from mlxvision.types import Message, Progress, Request, Sampling
from tests.fakes.toy import row_reader, scripted, sheet_reader

WORDS = ("Total", "Subtotal of it", "Tax", "Espresso", "Thank you", "Date", "Number", "Tea and cake", "Shop")


def page(*texts, size=16):
    """One line of each text, on white."""
    image = PIL.Image.new("RGB", (300, 30 * len(texts) + 20), "white")
    for i, text in enumerate(texts):
        PIL.ImageDraw.Draw(image).text((20, 30 * i + 12), text, "black", PIL.ImageFont.load_default(size))
    return open_image(image)


def read(model, image, prompt="Read.", **request):
    return Engine().stream(model, Request((Message("user", (image, prompt)),), **request)).result()


def test_every_line_is_read_in_order_with_its_box():
    done = read(row_reader(), page(*WORDS))
    assert done.text.splitlines() == [line.text for line in done.lines]
    assert len(done.lines) == len(WORDS)
    for i, line in enumerate(done.lines):
        assert 30 * i + 8 <= line.box.top < line.box.bottom <= 30 * i + 36
        assert line.box.left == pytest.approx(20, abs=3)
    widths = [int(line.text) for line in done.lines]
    assert np.corrcoef(widths, [line.box.right for line in done.lines])[0, 1] > 0.98
    assert done.finish_reason == "stop"


def test_the_text_is_what_the_tokens_say():
    done = read(row_reader(), page(*WORDS))
    assert "".join(token.text for token in done.tokens) == done.text
    assert all(line.confidence > 0.9 for line in done.lines)


def test_a_model_that_does_not_read_rows_reads_whole_sheets():
    done = read(sheet_reader(), page(*WORDS), plan="zoom")
    assert done.text == read(row_reader(), page(*WORDS)).text


def test_a_sheet_of_which_rows_were_overlooked_is_read_again_in_halves():
    model = sheet_reader(most=2)
    done = read(model, page(*WORDS), plan="zoom")
    assert done.text == read(row_reader(), page(*WORDS)).text
    assert model.net.log.n_encoded > 2


def test_a_line_too_long_for_a_row_is_one_line_of_the_answer():
    done = read(row_reader(), page("Words that do not fit into one row", "Tea"))
    assert len(done.lines) == 2
    assert " " in done.lines[0].text


def test_other_prompts_are_answered_from_what_was_read_and_the_picture():
    model = row_reader()
    seen = []
    render = model.family.render

    def spy(messages, tokenizer, config):
        seen.append(messages)
        return render(messages, tokenizer, config)

    read(replace(model, family=replace(model.family, render=spy)), page("Tea"), "How much?")
    (image, asked), (counted,), finding, (quotation,), (question,) = (message.content for message in seen[-1])
    transcript, look = asked.split("\n\n")
    assert (image.width, transcript.isdigit(), look, question) == (120, True, "look", "How much?")
    assert finding == ("find ", "How much?")
    assert counted and quotation
    assert [len(messages) for messages in seen[-3:]] == [1, 3, 5]


def test_nothing_is_found_where_there_is_no_picture():
    model, seen = replace(scripted("Hello"), reading=row_reader().reading), []
    render = model.family.render

    def spy(messages, tokenizer, config):
        seen.append(len(messages))
        return render(messages, tokenizer, config)

    watched = replace(model, family=replace(model.family, render=spy))
    Engine().stream(watched, Request((Message("user", ("Hello",)),), Sampling(max_tokens=4))).result()
    assert seen == [1]


def test_figures_are_named_as_rows_and_told_with_what_was_read_and_written_at_them():
    image = PIL.Image.new("RGB", (300, 200), "white")
    drawing = PIL.ImageDraw.Draw(image)
    for left, top, name in ((40, 120, "Jan"), (160, 60, "Feb")):
        drawing.rectangle((left, top, left + 60, 160), (20, 60, 200))
        drawing.text((left + 12, 166), name, "black", PIL.ImageFont.load_default(16))
    drawing.text((100, 10), "Rainfall", "black", PIL.ImageFont.load_default(20))
    model, seen = row_reader(), []
    render = model.family.render

    def spy(messages, tokenizer, config):
        seen.append(messages)
        return render(messages, tokenizer, config)

    read(replace(model, family=replace(model.family, render=spy)), open_image(image), "How much?")
    _, told = seen[-1][0].content
    title, listing, look = told.split("\n\n")
    first, second, *marks = listing.splitlines()
    (jan, name), (feb, other) = first.split("; "), second.split("; ")
    assert (title.isdigit(), look) == (True, "look")
    assert all(read.isdigit() for read in (jan, name, feb, other))
    outstanding = {"left": jan, "right": feb, "top": feb, "bottom": jan, "largest": feb, "smallest": jan}
    assert marks == [*(f"{mark}: {which}" for mark, which in outstanding.items()), "figures: 2"]


def test_the_receipt_names_the_picture_and_how_small_it_was_shown():
    (receipt,) = read(row_reader(), page("Tea"), "How much?").receipts
    assert (receipt.sha256, receipt.width, receipt.height) == (page("Tea").sha256, 300, 50)
    assert (receipt.scaled_width, receipt.scaled_height, receipt.canvas_width) == (80, 13, 120)


def test_any_model_can_be_told_to_zoom():
    assert read(scripted("hello"), page("Tea"), "What?", plan="zoom").lines[0].text == "hello"


def test_a_model_that_does_not_read_rows_sees_the_picture_as_a_whole():
    assert read(scripted("hello"), page("Tea"), "Read.").lines == ()


def test_a_picture_without_text_gives_no_lines():
    done = read(row_reader(), page())
    assert (done.text, done.lines, done.finish_reason) == ("", (), "stop")


def test_zooming_needs_one_picture():
    with pytest.raises(UsageError, match="2 pictures"):
        messages = (Message("user", (page("Tea"), page("Cake"), "Read.")),)
        Engine().stream(row_reader(), Request(messages, plan="zoom")).result()


def test_progress_counts_sheets():
    stream = Engine().stream(row_reader(), Request((Message("user", (page(*WORDS), "Read.")),)))
    stages = [event for event in stream if isinstance(event, Progress)]
    assert stages == [Progress("read", 0, 2)]


def test_time_that_is_up_ends_the_reading():
    assert read(row_reader(), page(*WORDS), deadline_s=0.0).finish_reason == "time"


def test_the_limit_of_tokens_holds_for_each_answer():
    done = read(row_reader(), page("Tea"), sampling=Sampling(max_tokens=1))
    assert (len(done.text), done.finish_reason) == (1, "length")


def test_rows_that_lie_beyond_the_image_s_tokens_are_refused():
    model = row_reader()
    for row_tokens in [(0, 1000), (1000, 1)]:
        broken = replace(model, reading=replace(model.reading, row_tokens=row_tokens))
        with pytest.raises(ModelFormatError, match=r"row_tokens in reading\.json reach to token \d+ .*: \d+\. Get the"):
            read(broken, page(*WORDS))
    assert read(model, page(*WORDS)).lines


def test_a_prompt_longer_than_the_context_is_refused_as_anywhere():
    with pytest.raises(UsageError, match="longer than the model's context"):
        read(sheet_reader(), page(*WORDS), "x" * 5000, plan="zoom")
