"""A file of JSON rows, one for each picture, to which every run adds."""

from __future__ import annotations

import json
import os
import stat
from collections import defaultdict
from typing import Any, NoReturn

from mlxvision.errors import UsageError

_KEYS = ("path", "sha256", "text", "finish_reason", "tokens", "error", "asked")
_BEGINNING = f'{{"{_KEYS[0]}": "'.encode()


class Rows:
    """sha256: of a picture's file. asked: all that its answer depends on besides, as a JSON object."""

    def __init__(self, path: str) -> None:
        """Take off the end what a run that was killed left half-written.

        Raises: UsageError, also if the file holds anything but rows; it is then left as it is.
        """
        self._path = path
        self._earlier: dict[tuple[str | None, str], list[bool]] = defaultdict(list)
        try:
            self._file = open(path, "a+b")  # noqa: SIM115 until the process ends
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                self._refuse()
            self._file.seek(0)
            rest = self._read()
            if rest:
                self._file.truncate(self._file.seek(0, os.SEEK_END) - len(rest))
        except (OSError, ValueError) as error:
            raise UsageError("cannot open the results", path, "Give --out a file in a folder that is there") from error

    def is_at(self, about: os.stat_result) -> bool:
        """Whether this is the file."""
        return os.path.samestat(os.fstat(self._file.fileno()), about)

    def take(self, sha256: str, asked: dict[str, Any]) -> bool | None:
        """Whether the row of an earlier run tells an error; None without a row. Each serves one file only."""
        rows = self._earlier[sha256, json.dumps(asked)]
        return rows.pop() if rows else None

    def add(self, row: dict[str, Any]) -> None:
        """Raises: UsageError if it cannot be written."""
        try:
            self._file.write(json.dumps({key: row.get(key) for key in _KEYS}).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(
                f"cannot write the results ({error.strerror})", self._path, "Run it again later"
            ) from error

    def _read(self) -> bytes:
        """-> what follows the last whole row."""
        for line in self._file:
            if not line.endswith(b"\n"):
                return line if line.startswith(_BEGINNING[: len(line)]) else self._refuse()
            try:
                row = json.loads(line)
            except ValueError:
                self._refuse()
            if not isinstance(row, dict) or tuple(row) != _KEYS:
                self._refuse()
            self._earlier[row["sha256"], json.dumps(row["asked"])].append(row["error"] is not None)
        return b""

    def _refuse(self) -> NoReturn:
        raise UsageError("the file holds something else than results", self._path, "Give --out another name")
