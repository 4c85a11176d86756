"""The command line as its users meet it: a process."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes.checkpoints import make_mllama

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights."""
    return make_mllama(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="session")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says "ab " again and again."""
    return make_mllama(tmp_path_factory.mktemp("models") / "parrot", says="ab ")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No command touches the models and the cache of whoever runs the tests."""
    monkeypatch.setenv("MLXVISION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.linear_gradient("L").resize((90, 40)).convert("RGB").save(path)
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `python -m mlxvision` in an empty directory of its own; stdin is empty unless given."""
    monkeypatch.delenv("MLXVISION_MODEL", raising=False)

    def start(*arguments: object, stdin: bytes = b"", python: Sequence[str] = ("-m", "mlxvision")):
        command = [sys.executable, *python, *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, cwd=tmp_path, timeout=120, check=False)

    return start
