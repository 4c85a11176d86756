"""A checkpoint's JSON files, read key by key with the key named in every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlxvision.errors import ModelFormatError

LARGEST = 1 << 20
_ADVICE = "Use the config of the original repository"


class Keys:
    """An object of such a file. Every method raises ModelFormatError."""

    def __init__(self, values: Any, path: str) -> None:
        if not isinstance(values, Mapping):
            raise ModelFormatError("the config has no object", path, _ADVICE)
        self._values, self._path = values, path

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def raw(self, key: str) -> Any:
        if key not in self._values:
            raise ModelFormatError("the config lacks a key", self._path + key, _ADVICE)
        return self._values[key]

    def fail(self, key: str) -> ModelFormatError:
        return ModelFormatError("implausible value in the config", f"{self._path}{key} = {self.raw(key)!r}", _ADVICE)

    def integer(self, key: str, low: int = 1, high: int = LARGEST) -> int:
        value = self.raw(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(key)
        return value

    def number(self, key: str) -> float:
        value = self.raw(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e12:
            raise self.fail(key)
        return float(value)

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        value = self.raw(key)
        if not isinstance(value, list) or len(value) != count:
            raise self.fail(key)
        if not all(isinstance(v, int | float) and abs(v) < 1e12 for v in value):
            raise self.fail(key)
        return tuple(float(v) for v in value)

    def integers(self, key: str, below: int) -> tuple[int, ...]:
        value = self.raw(key)
        if not isinstance(value, list) or not all(type(v) is int and 0 <= v < below for v in value):
            raise self.fail(key)
        return tuple(value)

    def flag(self, key: str) -> bool:
        value = self.raw(key)
        if not isinstance(value, bool):
            raise self.fail(key)
        return value

    def indices(self, key: str, below: int) -> tuple[int, ...]:
        """Layer numbers, ascending, each once."""
        value = self.raw(key)
        if not isinstance(value, list) or not all(isinstance(v, int) and 0 <= v < below for v in value):
            raise self.fail(key)
        if value != sorted(set(value)):
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
        return Keys(self.raw(key), f"{self._path}{key}.")
