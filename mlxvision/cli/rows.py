"""A file of JSON rows, one for each picture, to which every run adds.

Where machines work together, only the first adds to the file itself; each other one to a file beside it, `FILE.1` and
so on, whose rows the first takes over in the end.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections import defaultdict
from contextlib import suppress
from glob import escape, glob
from typing import Any, BinaryIO, NoReturn

from mlxvision.errors import UsageError

_KEYS = ("path", "sha256", "text", "finish_reason", "tokens", "error", "asked")
_BEGINNING = f'{{"{_KEYS[0]}": "'.encode()


class Rows:
    """sha256: of a picture's file. asked: all that its answer depends on besides, as a JSON object."""

    def __init__(self, path: str, rank: int = 0) -> None:
        """Take off the end what a run that was killed left half-written. rank: of this machine.

        Raises: UsageError, also if another run adds to the file, or if it holds anything but rows; it is then left as
        it is.
        """
        self._first, self._path = path, f"{path}.{rank}" if rank else path
        self._earlier: dict[tuple[str | None, str], list[bool]] = defaultdict(list)
        try:
            self._file = open(self._path, "a+b")  # noqa: SIM115 until the process ends
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                self._refuse(self._path)
            self._lock()
            self._file.seek(0)
            rest = self._read(self._file)
            if rest:
                self._file.truncate(self._file.seek(0, os.SEEK_END) - len(rest))
            for other in self._others():
                with open(other, "rb") as file:
                    self._read(file)
        except (OSError, ValueError) as error:
            advice = "Give --out a file in a folder that is there"
            raise UsageError("cannot open the results", self._path, advice) from error

    def places(self) -> set[tuple[int, int]]:
        """What tells the files of results from all others: where they are on disk."""
        places = set()
        for path in (self._path, *self._others()):
            with suppress(OSError):  # taken over by now
                about = os.stat(path)
                places.add((about.st_dev, about.st_ino))
        return places

    def join(self) -> None:
        """Take over the rows of the other machines, and remove their files. Raises: UsageError"""
        for path in self._others():
            try:
                with open(path, "rb") as file:
                    rows = b"".join(line for line in file if line.endswith(b"\n"))
                self._write(rows)
                os.remove(path)
            except OSError as error:
                raise UsageError("cannot take over results", path, "Check its permissions") from error

    def take(self, sha256: str, asked: dict[str, Any]) -> bool | None:
        """Whether the row of an earlier run tells an error; None without a row. Each serves one file only."""
        rows = self._earlier[sha256, json.dumps(asked)]
        return rows.pop() if rows else None

    def add(self, row: dict[str, Any]) -> None:
        """Raises: UsageError if it cannot be written."""
        self._write(json.dumps({key: row.get(key) for key in _KEYS}).encode() + b"\n")

    def _lock(self) -> None:
        """Until the process ends. Raises: UsageError"""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError("another run adds to", self._path, "Wait for its end, or choose another --out") from error
        except OSError:
            pass  # a file system that has no locks

    def _write(self, rows: bytes) -> None:
        try:
            self._file.write(rows)
            self._file.flush()
        except OSError as error:
            advice = "Run it again later"
            raise UsageError(f"cannot write the results ({error.strerror})", self._path, advice) from error

    def _others(self) -> list[str]:
        parts = [path for path in glob(f"{escape(self._first)}.*") if path.rpartition(".")[2].isdecimal()]
        return [path for path in (self._first, *sorted(parts)) if path != self._path and os.path.exists(path)]

    def _read(self, file: BinaryIO) -> bytes:
        """-> what follows the last whole row."""
        for line in file:
            if not line.endswith(b"\n"):
                return line if line.startswith(_BEGINNING[: len(line)]) else self._refuse(file.name)
            try:
                row = json.loads(line)
            except ValueError:
                self._refuse(file.name)
            if not isinstance(row, dict) or tuple(row) != _KEYS:
                self._refuse(file.name)
            self._earlier[row["sha256"], json.dumps(row["asked"])].append(row["error"] is not None)
        return b""

    def _refuse(self, path: str) -> NoReturn:
        raise UsageError("the file holds something else than results", path, "Give --out another name")
