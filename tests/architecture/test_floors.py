"""The house keeps to its plan. The floors themselves are in pyproject.toml, where import-linter reads them."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

import mlxvision

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(
    path for room in ("mlxvision", "mcp_server", "weights/mlxvision_weights") for path in (ROOT / room).rglob("*.py")
)
FAMILIES = ROOT / "mlxvision" / "families"
FAMILY_NAMES = [path.parent.name for path in FAMILIES.glob("*/__init__.py")]
EXCUSES = re.compile(r"\b(TODO|FIXME|XXX|HACK|for now|temporar\w*|workaround|legacy)\b", re.IGNORECASE)
HEAVY = ["mlx", "mlx_lm", "transformers", "torch", "PIL", "numpy", "tokenizers", "huggingface_hub"]

every_file = pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after this code."""
    code += "\nimport sys; sys.stdout.write(' '.join({name.partition('.')[0] for name in sys.modules}))"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, encoding="utf-8"
        ).stdout.split()
    )


def layers() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    rows = next(contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    return {room.strip(" ()") for row in rows for room in row.split("|")}


def test_every_room_has_a_floor():
    rooms = {f"mlxvision.{path.stem}" for path in (ROOT / "mlxvision").iterdir() if not path.name.startswith("__")}
    assert rooms - {"mlxvision.py"} <= layers()


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_no_file_outside_its_folder_names_a_family_but_one_line_of_the_register(family):
    naming = [
        (path.relative_to(ROOT).as_posix(), line)
        for path in PRODUCT
        if FAMILIES / family not in path.parents
        for line in path.read_text(encoding="utf-8").splitlines()
        if family in line.lower()
    ]
    assert naming == [("mlxvision/families/__init__.py", f'    "{family}": "mlxvision.families.{family}",')]


def test_importing_the_package_loads_nothing_heavy():
    assert loaded("import mlxvision").isdisjoint(HEAVY)


def test_errors_and_types_are_at_hand_without_anything_heavy():
    assert loaded("from mlxvision import Message, ModelError, Sampling").isdisjoint(HEAVY)


def test_finding_a_model_loads_nothing_that_speaks_to_a_network():
    assert loaded("from mlxvision.loading.resolve import resolve").isdisjoint({"huggingface_hub", "socket", "http"})


@pytest.mark.parametrize("name", mlxvision.__all__)
def test_every_public_name_is_there(name):
    assert getattr(mlxvision, name).__name__ == name if name not in {"Event", "FinishReason"} else vars(mlxvision)[name]


def test_public_names_are_listed_and_others_are_refused():
    assert set(dir(mlxvision)) == set(mlxvision.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mlxvision.nothing


def test_generate_is_a_function_and_also_a_module_to_run():
    code = "import mlxvision, mlxvision.api; assert mlxvision.generate is mlxvision.api.generate"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    command = [sys.executable, "-W", "error", "-m", "mlxvision.generate", "--help"]
    assert subprocess.run(command, check=True, capture_output=True).stderr == b""


@every_file
def test_product_code_neither_asserts_nor_prints_nor_takes_any_argument(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assert):
            found.append((node.lineno, "assert"))
        elif isinstance(node, ast.Name) and node.id == "print" and "cli" not in path.parts:
            found.append((node.lineno, "print"))
        elif isinstance(node, ast.arguments) and node.kwarg is not None:
            found.append((node.kwarg.lineno, "**" + node.kwarg.arg))
    assert found == []


@every_file
def test_no_comment_excuses_the_code(path):
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    assert [comment for comment in comments if EXCUSES.search(comment)] == []


@every_file
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@every_file
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
