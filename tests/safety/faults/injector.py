"""Files that fail: the k-th call on anything below a folder goes wrong, or is the last that the process makes.

Meanwhile Python's files are those of `_pyio`, which are written in Python on top of `os`, so every system call is seen.
"""

from __future__ import annotations

import _pyio
import builtins
import errno
import fcntl
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_ON_ONE = ("open", "read", "write", "ftruncate", "truncate", "mkdir", "unlink", "remove", "rmdir", "chmod", "utime")
_ON_ONE += ("scandir", "listdir", "flock", "fsync")
_ON_TWO = ("rename", "replace", "link", "symlink", "sendfile")
_PLACES = dict.fromkeys(_ON_ONE, 1) | dict.fromkeys(_ON_TWO, 2)
"""How many of the first arguments of a call are paths or descriptors."""


class Killed(BaseException):
    """In place of a death: nothing that is done afterwards reaches the disk."""


@dataclass(frozen=True)
class Fault:
    """errors: what calls fail with, in turn. lasting: so do all later ones. half: a read or write does a part only."""

    errors: tuple[int, ...] = ()
    lasting: bool = False
    half: bool = False
    kills: bool = False

    def fits(self, call: str) -> bool:
        return not self.half or call == "write" or (call in ("read", "sendfile") and not self.kills)


FAULTS = {
    "fails": Fault((errno.ENOSPC, errno.EIO, errno.EACCES)),
    "fails-from-now-on": Fault((errno.EIO, errno.ENOSPC), lasting=True),
    "is-half-done": Fault(half=True),
    "is-the-last": Fault(kills=True),
    "is-the-last-and-half-done": Fault(half=True, kills=True),
}


def _stop() -> None:
    raise Killed


def _pretend(descriptor: int) -> None:
    """A sync that costs nothing: no power is cut here."""


class Faults:
    """Strikes the call number `at`; without a number it only writes down the calls."""

    def __init__(self, folder: Path, at: int = -1, fault: Fault = Fault(), die: Callable[[], Any] = _stop) -> None:
        self.calls: list[str] = []
        self._folder, self._at, self._fault, self._die = str(folder.resolve()), at, fault, die
        self._open: set[int] = set()
        self._dead = False
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Faults:
        for name in _PLACES:
            module = fcntl if name == "flock" else os
            real = _pretend if name == "fsync" else getattr(module, name)
            self._patch.setattr(module, name, self._watched(name, real))
        self._patch.setattr(os, "close", self._closing(os.close))
        for module in (builtins, io):
            self._patch.setattr(module, "open", _pyio.open)
        return self

    def __exit__(self, *exception: object) -> None:
        self._patch.undo()
        if self._dead:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in self._open:
                os.dup2(nowhere, descriptor)  # what the dead still hold in buffers is lost
            os.close(nowhere)

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            places = [*arguments[: _PLACES[name]], *(v for k, v in keywords.items() if k.endswith("dir_fd"))]
            if not any(map(self._is_below, places)):
                return real(*arguments, **keywords)
            if self._dead:
                raise Killed
            self.calls.append(name)
            if self._strikes():
                arguments = self._struck(name, real, arguments)
            result = real(*arguments, **keywords)
            if name == "open":
                self._open.add(result)
            return result

        return call

    def _strikes(self) -> bool:
        number = len(self.calls) - 1
        return number == self._at or (self._fault.lasting and number > self._at)

    def _struck(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of a call that is allowed after all."""
        if self._fault.half:
            arguments = _halved(name, arguments)
        if self._fault.kills:
            if self._fault.half:
                real(*arguments)
            self._dead = True
            self._die()
        if self._fault.errors:
            number = self._fault.errors[self._at % len(self._fault.errors)]
            raise OSError(number, os.strerror(number))
        return arguments

    def _closing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def close(descriptor: int) -> None:
            self._open.discard(descriptor)
            real(descriptor)

        return close

    def _is_below(self, place: Any) -> bool:
        if isinstance(place, _pyio.IOBase):
            place = place.fileno()
        if isinstance(place, int):
            return place in self._open
        return place is not None and f"{os.path.abspath(os.fsdecode(place))}/".startswith(f"{self._folder}/")


def _halved(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    match name:
        case "write":
            descriptor, data = arguments
            return descriptor, bytes(data)[: max(1, len(data) // 2)]
        case "read":
            descriptor, size = arguments
            return descriptor, max(1, size // 2)
        case "sendfile":
            return *arguments[:3], 1
    return arguments


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file with its content, every folder as None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
