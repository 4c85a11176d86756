"""Arguments in, text and errors out."""

import re

import pytest

from mlxvision import errors
from mlxvision.errors import MLXVisionError, UsageError
from mlxvision.types import Box, Done, Line, Usage
from mlxvision_mcp.results import NEXT_STEPS, clean, failure, to_answer, to_lines, to_markdown
from mlxvision_mcp.tools import Ocr, parse
from mlxvision_mcp.work import BusyError
from tests.fakes.toy import picture

USAGE = Usage(prompt_tokens=5, cached_tokens=0, output_tokens=2, image_tokens=4)


def done(text, lines=()):
    return Done(text, (), "stop", USAGE, (), {"generate": 1.0}, lines)


def test_every_error_class_has_a_next_step():
    for kind in (BusyError, *(getattr(errors, name) for name in set(errors.__all__) - {"MLXVisionError"})):
        assert next(row for row in NEXT_STEPS if issubclass(kind, row)) is not Exception
    assert issubclass(MLXVisionError, list(NEXT_STEPS)[-1])


def test_an_error_tells_cause_value_and_next_step():
    result = failure(errors.ImageTooLargeError("too many pixels", "a\x1b[31m" + "x" * 9999, "Make it smaller"))
    text = result.content[0].text
    assert result.is_error
    assert text.startswith("too many pixels: a\ufffd[31mxxx")
    assert text.endswith("xxx. Make it smaller. Ask the user for a smaller picture.")
    assert len(text) < 400


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (
            "ocr",
            {"image": "/a", "fromat": "json"},
            "no such argument: fromat. It takes image, format, region, language; perhaps format is meant",
        ),
        ("ask", {"image": "/a"}, "needs one more argument: question"),
        (
            "describe_image",
            {"image": "/a", "detail": "huge"},
            "detail of describe_image is wrong: huge. Input should be",
        ),
        ("describe_image", {"image": ["/a", "/b"]}, "image of describe_image is wrong"),
        ("ask", {"image": [], "question": "x"}, "image of ask is wrong"),
        ("ask", {"image": ["/a"] * 9, "question": "x"}, "List should have at most 8 items"),
        ("ask", {"image": None, "question": "x"}, "needs one more argument: image"),
        ("ocr", {"image": "/a", "fromat": None}, "no such argument: fromat"),
        ("ask", {"image": "/a", "question": ""}, "question of ask is wrong"),
        ("ask", {"image": "/a", "question": "x", "max_tokens": 0}, "max_tokens of ask is wrong: 0"),
        ("ocr", {"image": "/a", "region": [0, 0, 2, 1]}, "region of ocr is wrong"),
        ("ocr", {"image": "/a", "region": [0, 0, 1]}, "region of ocr is wrong"),
        ("ocr", {"image": "/a", "region": [0.6, 0, 0.6, 1]}, "must be an area inside of the picture"),
        ("ocr", {"image": "/a", "region": [0, 0, 0, 1]}, "must be an area inside of the picture"),
        ("see", {}, "unknown tool: see. Use describe_image, ocr, ask"),
    ],
)
def test_wrong_arguments_are_refused_by_name(tool, arguments, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        parse(tool, arguments)


def test_a_refusal_never_repeats_a_picture():
    with pytest.raises(UsageError) as refusal:
        parse("ocr", {"image": {"data": "QUJD" * 1000}})
    assert len(str(refusal.value)) < 400


def test_lists_may_come_as_json_text():
    assert parse("ask", {"image": '["/a.png", "/b.png"]', "question": "x"}).sources == ["/a.png", "/b.png"]
    assert parse("ask", {"image": "[draft].png", "question": "x"}).sources == ["[draft].png"]
    assert Ocr(image="/a", region="[0, 0, 1, 0.5]").region == [0, 0, 1, 0.5]


def test_null_stands_for_what_was_left_out():
    assert parse("ask", {"image": "/a", "question": "x", "max_tokens": None}).max_tokens == 512
    assert parse("ocr", {"image": "/a", "format": None, "region": None}).format == "text"


def test_what_nobody_sees_is_left_out():
    hidden = "\x00\x07\x1b[2J\x7f\x9b\u200b\u200d\u2060\ufeff\u202e\u2066\u200f\u061c\U000e0041\ud800"
    assert clean(f"a{hidden}b\tc\r\nd\u2028e") == "a[2Jb\tc\nd\ne"
    assert to_answer(done("x\u202ey"), "toy", [picture(9, 9, 9)]).text == "xy"


def test_markdown_shows_the_text_and_nothing_else():
    text = "# 1. *Total*\n1. one\n- two\n\n<b>[x](y)</b>\n+ 3 | `c`"
    assert to_markdown(text) == (
        "\\# 1. \\*Total\\*  \n1\\. one  \n\\- two\n\n\\<b\\>\\[x\\](y)\\</b\\>  \n\\+ 3 \\| \\`c\\`"
    )


def test_lines_of_a_region_are_placed_in_the_whole_picture():
    lines = (Line("to\u202etal", Box(1, 2, 3, 4), 0.98765),)
    image = picture(9, 9, 9, width=60, height=40)
    result = Ocr(image="/a", format="json", region=[0.5, 0.25, 0.5, 0.5]).result(done("x", lines), "toy", [image], {})
    box = {"left": 31, "top": 12, "right": 33, "bottom": 14}
    assert result.structured_content["lines"] == [{"text": "total", "box": box, "confidence": 0.988}]
    assert result.structured_content["image"]["width"] == 60


def test_a_model_that_tells_no_places_gives_lines_without_them():
    (one, two) = to_lines(done("a\n\nb"), Box(0, 0, 0, 0))
    assert (one.text, one.box, one.confidence, two.text) == ("a", None, None, "b")


def test_what_was_asked_of_the_model():
    asked = [
        parse(tool, {"image": "/a"} | arguments).request([picture(9, 9, 9)])
        for tool, arguments in [
            ("describe_image", {}),
            ("describe_image", {"detail": "brief", "language": "German"}),
            ("describe_image", {"detail": "detailed"}),
            ("ocr", {}),
            ("ask", {"question": "Why?", "max_tokens": 7}),
        ]
    ]
    assert [request.prompt for request in asked] == [
        "Describe this image.",
        "Give a short description of this image. Answer in German.",
        "Describe this image in detail.",
        "Read the text.",
        "Why?",
    ]
    assert asked[-1].sampling.max_tokens == 7
