"""The corpus through the API and the command line: each picture read right, or refused in one short sentence."""

import json
import subprocess
import sys

import numpy as np
import pytest

from mlxvision import errors
from mlxvision.cli import EXIT_CODES
from tests.safety.corpus.good_images import Good
from tests.safety.images.messages import fault_of_message

_LONGEST_CPU_S = 12
_MOST_BYTES = 600 * 10**6


def fault_of_outcome(case, outcome) -> object:
    """None for what should be."""
    if "error" in outcome:
        kind = vars(errors).get(outcome["error"], Exception)
        if isinstance(case.truth, Good) or not issubclass(kind, case.truth):
            return outcome
        if len(outcome["cause"]) > 3 and outcome["cause"] in outcome["message"]:
            return f"repeats somebody else's text: {outcome['cause']}"
        return fault_of_message(outcome["message"])
    if case.either:
        return None
    if not isinstance(case.truth, Good) or outcome["answer"] != "ok" or tuple(outcome["size"]) != case.truth.size:
        return outcome
    distance = np.abs(np.subtract(outcome["colours"], case.truth.colours)).max()
    return outcome if distance > case.truth.tolerance else None


@pytest.fixture(scope="module")
def api(cases, watched):
    return watched([case.source for case in cases], "api")


@pytest.fixture(scope="module")
def asked_of_command_line(cases):
    """All that is refused, and a part of the rest, for which each time a model is loaded."""
    good = [case for case in cases if isinstance(case.truth, Good)]
    return [case for case in cases if not isinstance(case.truth, Good)] + good[::12]


@pytest.fixture(scope="module")
def command_line(asked_of_command_line, watched, parrot):
    sources = [case.source for case in asked_of_command_line]
    return watched(sources, "command line", "--model", parrot, "--prompt=What is it?", "--image={}")


def test_the_corpus_is_large_and_each_case_has_a_name(cases):
    assert len(cases) >= 400
    assert len({case.name for case in cases}) == len(cases)


def test_the_api_reads_every_picture_right_or_refuses_it_in_one_short_sentence(cases, api):
    faults = {case.name: fault_of_outcome(case, outcome) for case, outcome in zip(cases, api["outcomes"], strict=True)}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_the_command_line_answers_or_ends_with_one_line_and_the_exit_code_of_the_error(
    asked_of_command_line, command_line
):
    faults = {}
    for case, outcome in zip(asked_of_command_line, command_line["outcomes"], strict=True):
        if outcome["code"] == 0 and (case.either or isinstance(case.truth, Good)):
            (image,) = json.loads(outcome["stdout"])["images"]
            right = case.either or (image["width"], image["height"]) == case.truth.size
            fault = None if right and not outcome["stderr"] else outcome
        elif outcome["stdout"] or isinstance(case.truth, Good) or outcome["code"] != exit_code(case.truth):
            fault = outcome
        else:
            begin, _, message = outcome["stderr"].removesuffix("\n").partition("mlxvision: ")
            fault = begin or fault_of_message(message)
        if fault:
            faults[case.name] = fault
    assert faults == {}


def exit_code(error: type[Exception]) -> int:
    return next(code for kind, code in EXIT_CODES.items() if issubclass(error, kind))


@pytest.mark.parametrize("face", ["api", "command_line"])
def test_no_image_makes_a_socket_a_process_or_a_file(face, request):
    assert request.getfixturevalue(face)["did"] == []


@pytest.mark.parametrize("face", ["api", "command_line"])
def test_no_image_costs_much_time_or_memory(face, request):
    report = request.getfixturevalue(face)
    assert max(outcome["cpu_s"] for outcome in report["outcomes"]) < _LONGEST_CPU_S
    assert report["growth_bytes"] < _MOST_BYTES


def test_only_the_one_file_that_was_named_is_opened(cases, watched, folder):
    """And, where nothing has the name, only the folder is listed."""
    names = {
        "a link",
        "a path with dots",
        "HTTP URL",
        "not a picture: SVG",
        "not a picture: XML with an entity",
        "gone.png",
    }
    chosen = [case.source for case in cases if case.name in names]
    assert len(chosen) == len(names)
    opened = {path for path in watched(chosen, "api")["opened"] if path.startswith(("/etc", str(folder)))}
    assert opened <= set(chosen)


@pytest.mark.parametrize("name", ["empty", "PNG of 144 megapixels in 17 KB", "line\nbreak", "pipe.png", "http URL"])
def test_as_a_process_it_says_one_line_and_nothing_else(cases, parrot, name, tmp_path, monkeypatch):
    monkeypatch.setenv("MLXVISION_HOME", str(tmp_path))
    (case,) = [case for case in cases if case.name in (name, f"not a picture: {name}", f"a file called {name!r}")]
    command = [sys.executable, "-m", "mlxvision", "generate", "--model", parrot, "--prompt", "x", "--max-tokens", "1"]
    done = subprocess.run([*command, f"--image={case.source}"], capture_output=True, check=False, timeout=60)
    if isinstance(case.truth, Good):
        assert (done.returncode, done.stdout, done.stderr) == (0, b"ab \n", b"")
    else:
        assert (done.returncode, done.stdout) == (exit_code(case.truth), b"")
        assert fault_of_message(done.stderr.decode().removesuffix("\n")) is None
