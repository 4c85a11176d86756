"""Directories and files that appear whole or not at all, wherever the processes that write them are killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mlxvision.errors import UsageError
from mlxvision.loading.manifest import MANIFEST


@contextmanager
def arriving(out: Path) -> Iterator[Path]:
    """A hidden directory beside out, empty but for a manifest, that becomes out if nothing is raised meanwhile.

    One that a kill has left is taken over. Raises: UsageError, OSError
    """
    directory = out.resolve().with_name(f".{out.resolve().name}.arriving")
    lock = _locked(directory / MANIFEST)
    if lock is None:
        raise UsageError("another process writes to", out, "Wait for its end, or choose another --out")
    with lock:
        try:
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise UsageError("the output directory is not empty", out, "Choose another --out")
            for left in directory.iterdir():
                if left.name != MANIFEST:
                    left.unlink()
            yield directory
            directory.rename(out)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def write_whole(path: Path, content: bytes, like: Path | None = None) -> None:
    """Put a file in place at once, in place of what is there. like: an existing file, for its permissions.

    Raises: OSError
    """
    arriving = path.with_name(f".{os.getpid()}.arriving")
    try:
        with arriving.open("wb") as file:
            if like:
                shutil.copymode(like, arriving)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        arriving.replace(path)
    finally:
        arriving.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO | None:
    """The file, to be held until it is closed; None if another process holds it, or has just removed it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except (FileExistsError, FileNotFoundError):
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None
