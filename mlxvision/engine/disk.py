"""Arrays on disk, one safetensors file for each key, shared by processes and never trusted blindly.

A file appears by being renamed, whole, so nobody ever waits for a lock. What cannot be written is not remembered; what
is damaged or not ours is removed and counted.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import mlx.core as mx
import numpy as np

from mlxvision.errors import ModelFormatError
from mlxvision.loading.header import TensorInfo, encode_header, read_header

_LIMIT_BYTES = 4 << 30
_DTYPES = {"F16": mx.float16, "BF16": mx.bfloat16, "F32": mx.float32, "I32": mx.int32, "U8": mx.uint8}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_ENTRY = re.compile(r"[0-9a-f]{64}\.safetensors")
_ARRIVING = ".arriving-"

Layout = Mapping[str, tuple[str, tuple[int, ...]]]


class _Entry(NamedTuple):
    """arriving: not an entry yet, for its writer still lives."""

    path: Path
    nbytes: int
    used_at: float
    arriving: bool


class DiskCache:
    """limit_bytes: what was used longest ago gives way. n_dropped: entries not to be trusted; n_unwritten: no room."""

    def __init__(self, folder: Path | None = None, limit_bytes: int = _LIMIT_BYTES) -> None:
        self.folder, self.limit_bytes = folder or cache_folder(), limit_bytes
        self.n_dropped = self.n_unwritten = 0

    def read(self, key: str) -> list[mx.array] | None:
        path = self._path(key)
        try:
            self._own_folder()
            if not os.path.lexists(path):
                return None
            arrays = _load(path, key, self.limit_bytes)
            os.utime(path)
        except ModelFormatError:
            self.drop(key)
            return None
        except OSError:
            return None
        return arrays

    def write(self, key: str, arrays: Sequence[mx.array]) -> None:
        import tempfile  # costs as much as all else here, and a picture that is remembered needs no writing

        if sum(x.nbytes for x in arrays) > self.limit_bytes:
            return
        try:
            self._own_folder()
            descriptor, arriving = tempfile.mkstemp(prefix=_ARRIVING, dir=self.folder)
            try:
                with open(descriptor, "wb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    _save(file, key, arrays)
                    self._make_room()
                    os.replace(arriving, self._path(key))
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(arriving)
        except OSError:
            self.n_unwritten += 1

    def drop(self, key: str) -> None:
        """Remove an entry that is not what it should be."""
        with suppress(OSError):
            self._path(key).unlink()
            self.n_dropped += 1

    def size(self) -> tuple[int, int]:
        """(entries, bytes)"""
        sizes = [entry.nbytes for entry in self._entries() if not entry.arriving]
        return len(sizes), sum(sizes)

    def clear(self) -> None:
        """Remove everything. Raises: OSError"""
        for entry in self._entries():
            entry.path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def _own_folder(self) -> None:
        """Nobody else may look into it. Raises: OSError, also if it is somebody else's"""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def _make_room(self) -> None:
        """For all that is arriving, before it is here: so no kill leaves more than the limit. Raises: OSError"""
        entries = sorted(self._entries(), key=lambda entry: entry.used_at)
        excess = sum(entry.nbytes for entry in entries) - self.limit_bytes
        for entry in entries:
            if excess <= 0:
                break
            if not entry.arriving:
                entry.path.unlink(missing_ok=True)
                excess -= entry.nbytes
        if excess > 0:
            raise OSError(errno.ENOSPC, "more is arriving than the cache may hold")

    def _entries(self) -> Iterator[_Entry]:
        """Nothing but our own files. What a killed process left unfinished is removed."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as files:
            for file in files:
                with suppress(FileNotFoundError):  # another process may have removed it meanwhile
                    arriving = file.name.startswith(_ARRIVING) and file.is_file(follow_symlinks=False)
                    if arriving and _is_abandoned(file.path):
                        os.unlink(file.path)
                    elif arriving or _ENTRY.fullmatch(file.name):
                        stat = file.stat(follow_symlinks=False)
                        yield _Entry(Path(file.path), stat.st_size, stat.st_mtime, arriving)


def cache_folder() -> Path:
    """Below $MLXVISION_HOME, else where this platform keeps what can be computed again."""
    if home := os.environ.get("MLXVISION_HOME"):
        return Path(home) / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mlxvision"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlxvision"


def _is_abandoned(path: str) -> bool:
    """Whether its writer's lock is gone, and the writer with it; of another user's we cannot tell."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _save(file: BinaryIO, key: str, arrays: Sequence[mx.array]) -> None:
    layout = {str(i): (_NAMES[x.dtype], x.shape) for i, x in enumerate(arrays)}
    digest = _digest(key, layout, (_raw(x) for x in arrays))
    head, _ = encode_header(layout, {"sha256": digest})
    file.write(head)
    for x in arrays:
        file.write(_raw(x))
    file.flush()
    os.fsync(file.fileno())


def _load(path: Path, key: str, limit_bytes: int) -> list[mx.array]:
    """Raises: ModelFormatError, OSError"""
    infos, metadata = read_header(path)
    names = [str(i) for i in range(len(infos))]
    known = infos.keys() == set(names) and all(info.dtype in _DTYPES for info in infos.values())
    if not known or sum(info.nbytes for info in infos.values()) > limit_bytes:
        raise ModelFormatError("not an entry of the cache", path.name, "Compute it again")
    with path.open("rb") as file:
        raws = [_read_at(file, infos[name]) for name in names]
    layout = {name: (infos[name].dtype, infos[name].shape) for name in names}
    if _digest(key, layout, raws) != metadata.get("sha256"):
        raise ModelFormatError("an entry of the cache is damaged", path.name, "Compute it again")
    return [
        mx.view(mx.array(np.frombuffer(raw, np.uint8)), _DTYPES[infos[name].dtype]).reshape(infos[name].shape)
        for name, raw in zip(names, raws, strict=True)
    ]


def _read_at(file: BinaryIO, info: TensorInfo) -> bytes:
    file.seek(info.start)
    return file.read(info.nbytes)


def _digest(key: str, layout: Layout, raws: Iterator[memoryview] | Sequence[bytes]) -> str:
    """Of all that an entry is, its key included, so that it holds for no other."""
    digest = hashlib.sha256(repr((key, layout)).encode())
    for raw in raws:
        digest.update(raw)
    return digest.hexdigest()


def _raw(x: mx.array) -> memoryview:
    return memoryview(mx.view(mx.contiguous(x), mx.uint8))  # type: ignore[arg-type]
