"""A prompt is text: no path, URL or data in it is ever opened."""

import pytest

from tests.safety.corpus.images import BASE64, PICTURE

FORMS = [
    "What is in {}?",
    "{}",
    "'{}'",
    '"{}" and what else?',
    "file://{}",
    "![a picture]({})",
    "<img src='{}'>",
    "/image {}",
    "--image {}",
    "--image={}",
    "[img]{}[/img] <image>{}</image> <|image|>{}",
    '{{"image": "{}"}}',
    "Describe\n{}\nplease",
    "http://127.0.0.1:9{} https://127.0.0.1:9/{}",
    f"data:image/png;base64,{BASE64} {{}}",
]


@pytest.fixture
def prompts(tmp_path) -> list[str]:
    """Questions full of paths of pictures that are there."""
    names = ["picture.png", "two words.jpg", "~tilde.webp", "grün.gif", "a.tar.bmp"]
    for name in names:
        (tmp_path / name).write_bytes(PICTURE)
    paths = [str(tmp_path / name) for name in names] + [f"{tmp_path}/../{tmp_path.name}/picture.png"]
    return [form.replace("{}", path) for form in FORMS for path in paths]


def opened_of(report, tmp_path) -> list[str]:
    return [path for path in report["opened"] if tmp_path.name in path or path.startswith(("data:", "http"))]


def test_the_watch_sees_an_image_that_is_given_as_one(prompts, tmp_path, watched):
    path = str(tmp_path / "picture.png")
    assert opened_of(watched([path], "api"), tmp_path) == [path, path]


def test_the_api_opens_nothing_that_a_prompt_names(prompts, tmp_path, watched):
    report = watched(prompts, "prompt")
    assert [outcome["answer"] for outcome in report["outcomes"]] == ["ok"] * len(prompts)
    assert opened_of(report, tmp_path) == report["did"] == []


@pytest.mark.parametrize("flag", ["--prompt", "--system", "--stop"])
def test_the_command_line_opens_nothing_that_a_prompt_names(prompts, tmp_path, watched, parrot, flag):
    report = watched(prompts[::6], "command line", "--model", parrot, "--prompt=x", f"{flag}={{}}")
    assert [outcome["code"] for outcome in report["outcomes"]] == [0] * len(prompts[::6])
    assert opened_of(report, tmp_path) == report["did"] == []
