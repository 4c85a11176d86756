import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "mlxvision": ROOT / "mlxvision",
    "mlxvision_mcp": ROOT / "mcp_server" / "mlxvision_mcp",
    "mlxvision_weights": ROOT / "weights" / "mlxvision_weights",
}


@pytest.fixture(scope="module")
def entries(tmp_path_factory) -> set[str]:
    """The names in the wheel built from this tree."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_three_packages_and_nothing_else(entries):
    tree = {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {entry for entry in entries if ".dist-info/" not in entry} == tree


@pytest.mark.parametrize(
    "entry",
    [
        "mlxvision/py.typed",
        "mlxvision_weights/cards/nano.toml",
        "mlxvision_weights/nano/config.json",
        "mlxvision_weights/nano/tokenizer.json",
    ],
)
def test_the_wheel_carries_its_data(entries, entry):
    assert entry in entries


def test_the_wheel_carries_the_bundled_weights_and_the_recipes(entries):
    assert any(entry.startswith("mlxvision_weights/nano/") and entry.endswith(".safetensors") for entry in entries)
    assert any(entry.startswith("mlxvision_weights/recipes/") and entry.endswith(".toml") for entry in entries)


def test_the_wheel_installs_the_command_and_the_licence(entries):
    assert {Path(entry).name for entry in entries if ".dist-info/" in entry} >= {"entry_points.txt", "LICENSE"}
