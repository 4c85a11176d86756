"""A checkpoint's small files, read with a limit, and their JSON, key by key: errors name the file and the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlxvision.errors import ModelFormatError, shorten

LARGEST = 1 << 20
LARGEST_DIMENSION = (1 << 31) - 1
"""What MLX can count in one dimension."""
LARGEST_JSON_BYTES = 4_000_000

_DEEPEST = 32
_ADVICE = "Use the config of the original repository"
_AGAIN = "Get the model again"


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file; anything else in its place is not waited for.

    Raises: ModelFormatError
    """
    try:
        if not path.is_file():
            raise ModelFormatError("a file of the model is missing", path, _AGAIN)
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ModelFormatError("cannot read a file of the model", path, "Check its permissions") from error
    if len(content) > most:
        raise ModelFormatError(f"a file of more than {most} bytes", path, _AGAIN)
    return content


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object that a file is. Raises: ModelFormatError"""
    return parse_object(read_bytes(path, LARGEST_JSON_BYTES), path.name)


def parse_object(raw: bytes, name: str) -> dict[str, Any]:
    """A JSON object in UTF-8, each of its keys given once; name: of the file, for the error.

    Raises: ModelFormatError
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ModelFormatError(f"{shorten(name)} gives a key twice", key, _AGAIN)
            found[key] = value
            f"{key}{value if isinstance(value, str) else ''}".encode()  # refuses lone surrogates, as MLX would
        return found

    try:
        value = json.loads(raw.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError("damaged JSON", name, _AGAIN) from error
    if not isinstance(value, dict):
        raise ModelFormatError("not a JSON object", name, _AGAIN)
    if _is_deep(value):
        raise ModelFormatError(f"JSON of more than {_DEEPEST} levels", name, _AGAIN)
    return value


def _is_deep(value: Any) -> bool:
    """Whether to walk through it might exhaust the stack."""
    level = [value]
    for _ in range(_DEEPEST):
        inner = (v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list))
        level = [v for values in inner for v in values]
    return bool(level)


class Keys:
    """An object of such a file. Every method raises ModelFormatError.

    path: of the object within the file, with a dot at its end.
    """

    def __init__(self, values: Any, path: str = "", file: str = "config.json") -> None:
        if not isinstance(values, Mapping):
            raise ModelFormatError(f"{file} has no object", path.removesuffix("."), _ADVICE)
        self._values, self._path, self._file = values, path, file

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def raw(self, key: str) -> Any:
        if key not in self._values:
            raise ModelFormatError(f"{self._file} lacks a key", self._path + key, _ADVICE)
        return self._values[key]

    def fail(self, key: str) -> ModelFormatError:
        return ModelFormatError(f"implausible value in {self._file}", f"{self._path}{key} = {self.raw(key)!r}", _ADVICE)

    def integer(self, key: str, low: int = 1, high: int = LARGEST) -> int:
        value = self.raw(key)
        if type(value) is not int or not low <= value <= high:
            raise self.fail(key)
        return value

    def number(self, key: str, low: float = 1e-12, high: float = 1e12) -> float:
        value = self.raw(key)
        if not _is_number(value, low, high):
            raise self.fail(key)
        return float(value)

    def numbers(self, key: str, count: int, low: float = -1e12, high: float = 1e12) -> tuple[float, ...]:
        value = self.raw(key)
        if not isinstance(value, list) or len(value) != count or not all(_is_number(v, low, high) for v in value):
            raise self.fail(key)
        return tuple(float(v) for v in value)

    def integers(self, key: str, below: int) -> tuple[int, ...]:
        value = self.raw(key)
        if not isinstance(value, list) or not all(type(v) is int and 0 <= v < below for v in value):
            raise self.fail(key)
        return tuple(value)

    def indices(self, key: str, below: int) -> tuple[int, ...]:
        """Layer numbers, ascending, each once."""
        value = self.integers(key, below)
        if list(value) != sorted(set(value)):
            raise self.fail(key)
        return value

    def flag(self, key: str) -> bool:
        value = self.raw(key)
        if not isinstance(value, bool):
            raise self.fail(key)
        return value

    def text(self, key: str) -> str:
        value = self.raw(key)
        if not isinstance(value, str) or not value:
            raise self.fail(key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.raw(key)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
            raise self.fail(key)
        return tuple(value)

    def only(self, key: str, *expected: Any) -> None:
        """Refuse what the net would silently compute otherwise."""
        if self.raw(key) not in expected:
            raise self.fail(key)

    def only_if_stated(self, key: str, *expected: Any) -> None:
        if key in self:
            self.only(key, *expected)

    def inner(self, key: str) -> Keys:
        return Keys(self.raw(key), f"{self._path}{key}.", self._file)


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
