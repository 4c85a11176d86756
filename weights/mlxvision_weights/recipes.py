"""What a conversion leaves unquantized, as data: one TOML file for each recipe."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from mlxvision.errors import UsageError

_DIRECTORY = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Recipe:
    """keep: patterns, as of fnmatch, of the module paths that stay as they are."""

    name: str
    about: str
    keep: tuple[str, ...]

    def keeps(self, path: str) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in self.keep)


def recipes() -> tuple[Recipe, ...]:
    """All recipes, by name."""
    return tuple(_read(path) for path in sorted(_DIRECTORY.glob("*.toml")))


def find_recipe(name: str) -> Recipe:
    """Raises: UsageError naming the recipes there are."""
    for recipe in recipes():
        if recipe.name == name:
            return recipe
    raise UsageError("no such recipe", name, f"Use one of: {', '.join(r.name for r in recipes())}")


def _read(path: Path) -> Recipe:
    data = tomllib.loads(path.read_text("utf-8"))
    return Recipe(data["name"], data["about"], tuple(data["keep"]))
