"""The corpus, given to one living MCP server, which answers every case."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mlxvision.errors import ImageError
from mlxvision.images import open_image
from mlxvision_mcp.results import NEXT_STEPS
from tests.faces.mcp.conftest import Host
from tests.safety.corpus.good_images import Good
from tests.safety.images.messages import fault_of_message


@pytest.fixture(scope="module")
def server(folder, parrot) -> Iterator[Host]:
    command = [sys.executable, "-m", "mlxvision_mcp", "--model", str(parrot), "--allow", str(folder)]
    host = Host(command, folder, subprocess.PIPE)
    host.start()
    yield host
    host.close()


def next_step(error: type[Exception]) -> str:
    return next(text for kind, text in NEXT_STEPS.items() if issubclass(error, kind))


def fault_of_refusal(case, text) -> str | None:
    """What a server may read is decided before what it is, so only of files it says what the API says."""
    if case.is_file and not case.either and not text.endswith(next_step(case.truth)):
        return f"another error than {case.truth.__name__}: {text}"
    fault = fault_of_message(text)
    return f"{fault}: {text}" if fault else None


def test_every_picture_that_is_refused_is_refused_in_one_short_sentence(server, cases):
    faults = {}
    for case in cases:
        if not isinstance(case.truth, Good) and not case.either:
            result = server.answer(server.call("ocr", image=case.source))["result"]
            fault = fault_of_refusal(case, result["content"][0]["text"]) if result["isError"] else "no error"
            faults |= {case.name: fault} if fault else {}
    assert faults == {}
    assert server.process.poll() is None


def test_a_part_of_the_sound_pictures_and_all_doubtful_ones_are_answered(server, cases):
    """Every twelfth, since for these a model has to work."""
    sound = [case for case in cases if isinstance(case.truth, Good)]
    for case in sound[::12]:
        result = server.answer(server.call("ask", image=case.source, question="x", max_tokens=1))["result"]
        image = result["structuredContent"]["image"]
        assert (image["width"], image["height"]) == case.truth.size, case.name
        assert image["sha256"] == open_image(case.source).sha256
    for case in cases:
        if case.either and issubclass(case.truth, ImageError):
            result = server.answer(server.call("ask", image=case.source, question="x", max_tokens=1))["result"]
            assert not result["isError"] or fault_of_message(result["content"][0]["text"]) is None, case.name


def test_nothing_was_said_on_stderr_and_no_descriptor_is_left(server):
    descriptors = f"/proc/{server.process.pid}/fd"
    if os.path.isdir(descriptors):
        assert len(os.listdir(descriptors)) < 40
    assert server.process.stdin
    server.process.stdin.close()
    assert server.process.wait(10) == 0
    assert server.process.stderr
    assert server.process.stderr.read() == b""
