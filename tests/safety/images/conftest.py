"""The corpus, made once, and a watched process to give it to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.checkpoints import make_mllama
from tests.safety.corpus.images import Case, image_cases

Watched = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def cases(folder: Path) -> list[Case]:
    return image_cases(folder)


@pytest.fixture(scope="session")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says "ab " again and again."""
    return make_mllama(tmp_path_factory.mktemp("models") / "parrot", says="ab ")


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Give sources to a face in a process of its own; what came of it."""
    home = tmp_path_factory.mktemp("home")

    def run(sources: Sequence[str], *arguments: object) -> dict[str, Any]:
        command = [sys.executable, "-m", "tests.safety.images.program", *map(str, arguments)]
        environment = os.environ | {"MLXVISION_HOME": str(home)}
        asked = json.dumps(sources).encode()
        return json.loads(
            subprocess.run(command, input=asked, env=environment, stdout=subprocess.PIPE, check=True).stdout
        )

    return run
