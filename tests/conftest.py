"""What all tests share: one tree under test, also in child processes, and the seed."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

settings.register_profile("mlxvision", deadline=None, database=None)
settings.load_profile("mlxvision")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=0, help="seed of everything random in the reference ladder")


def pytest_configure() -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "mcp_server", ROOT / "weights")))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--seed")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT
