"""A broken model is refused in one sentence, soon and cheaply; a hostile one answers as if it were not."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.safety.corpus.model_files import Case
from tests.safety.corpus.models import broken_models, hostile_models

_MOST_SECONDS = 20
_MOST_BYTES = 150_000_000
_PATIENCE_S = 600

BROKEN, HOSTILE = broken_models(), hostile_models()
Outcomes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What became of each model, and of those that nobody touched, by name."""
    folder, errors = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("errors") / "stderr"
    command = [sys.executable, "-m", "tests.safety.models.everything", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "MLXVISION_MODEL"}
    with errors.open("wb") as stderr:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=stderr, timeout=_PATIENCE_S, check=False
        )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{errors.read_text(encoding='utf-8')}; the last was {lines[-1:]}"
    return {line["name"]: line for line in lines}


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    names = [case.name for case in (*BROKEN, *HOSTILE)]
    assert len(names) == len(set(names)) > 300


@named(BROKEN)
def test_a_broken_model_is_refused_with_the_file_and_the_key(outcomes: Outcomes, case: Case) -> None:
    outcome = outcomes[case.name]
    assert case.error and outcome["error"] == case.error.__name__, outcome
    message = outcome["message"]
    assert [part for part in case.says if part not in message] == [], message
    assert re.fullmatch(r".+: .+\. .+\.", message)
    assert message.isprintable() and " object at 0x" not in message and len(message) < 600


def test_all_are_refused_soon_and_before_anything_large_is_allocated(outcomes: Outcomes) -> None:
    costs = {case.name: (outcomes[case.name]["seconds"], outcomes[case.name]["grown_bytes"]) for case in BROKEN}
    assert {name: cost for name, cost in costs.items() if cost[0] > _MOST_SECONDS or cost[1] > _MOST_BYTES} == {}


@named(HOSTILE)
def test_a_hostile_model_answers_as_if_it_were_not(outcomes: Outcomes, case: Case) -> None:
    outcome = outcomes[case.name]
    assert (outcome["error"], outcome["text"]) == (None, outcomes[case.base]["text"])


def test_nothing_of_them_runs_and_nothing_is_sent_started_or_written(outcomes: Outcomes) -> None:
    cases = [*BROKEN, *HOSTILE]
    assert {case.name: seen for case in cases if (seen := outcomes[case.name]["seen"])} == {}
    strays = {case.name: outcomes[case.name]["stray"] for case in cases}
    assert {name: stray for name, stray in strays.items() if stray} == {}


def test_the_command_line_says_the_same_in_one_line(outcomes: Outcomes) -> None:
    shown = [case for case in BROKEN if outcomes[case.name]["command"]]
    assert len(shown) > 50
    for case in shown:
        expected = {"code": 4, "stdout": "", "stderr": f"mlxvision: {outcomes[case.name]['message']}\n"}
        assert outcomes[case.name]["command"] == expected


def test_what_works_works(outcomes: Outcomes) -> None:
    for base in {case.base for case in (*BROKEN, *HOSTILE)}:
        assert outcomes[base]["error"] is None


def test_the_watch_sees_what_it_is_to_see(tmp_path: Path) -> None:
    code = f"""
import socket, subprocess, sys
from pathlib import Path
from tests.safety.models.everything import Watch
watch = Watch(Path("/nobody"))
watch.model = Path({str(tmp_path)!r})
sys.addaudithook(watch)
sys.path.insert(0, {str(tmp_path)!r})
import trap
socket.socket().close()
subprocess.run(["true"])
print(*watch.seen)
"""
    (tmp_path / "trap.py").write_text(
        f"open({str(tmp_path / 'made')!r}, 'w', encoding='ascii').close()", encoding="utf-8"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout
    for event in ("compile", "exec", "socket.__new__", "subprocess.Popen", f"writes {tmp_path / 'made'}"):
        assert event in seen
