"""The suite checks as much with PYTHONOPTIMIZE=1: pytest makes the asserts of test modules hold, and no others."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
APART = [TESTS / name for name in ("reference", "benchmarks")]
HELPERS = [
    path
    for path in sorted(TESTS.rglob("*.py"))
    if not path.name.startswith("test_") and path.name != "conftest.py" and not {*path.parents} & {*APART}
]


@pytest.mark.parametrize("path", HELPERS, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_helper_of_tests_asserts(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert [node.lineno for node in nodes if isinstance(node, ast.Assert)] == []
