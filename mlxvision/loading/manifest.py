"""What the files of a model directory were when they were written, so that one flipped bit is found later."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlxvision.errors import ModelFormatError, shorten
from mlxvision.keys import read_object

MANIFEST = "manifest.json"

_CHUNK_BYTES = 1 << 20
_SHA256 = re.compile("[0-9a-f]{64}")


def write_manifest(directory: Path, sha256s: Mapping[str, str], origin: Mapping[str, str]) -> None:
    """sha256s: by file name. origin: where the files came from, for people."""
    files = {name: {"size": (directory / name).stat().st_size, "sha256": sha256} for name, sha256 in sha256s.items()}
    write_durably(directory / MANIFEST, json.dumps({**origin, "files": files}, indent=1) + "\n")


def verify(directory: Path) -> list[str]:
    """What differs from the manifest; nothing if all is well.

    Raises: ModelFormatError if there is no readable manifest.
    """
    stated = _stated(directory)
    if stated is None:
        next_step = "Only what `mlxvision pull` or `mlxvision convert` wrote can be verified; get it again that way"
        raise ModelFormatError(f"no readable {MANIFEST} in", directory, next_step)
    weights = {path.name for path in directory.glob("*.safetensors")}
    problems = [f"{shorten(name)}: not in the manifest" for name in sorted(weights - stated.keys())]
    for name, (size, sha256) in sorted(stated.items()):
        if problem := _problem(directory / name, size, sha256):
            problems.append(f"{shorten(name)}: {problem}")
    return problems


def _problem(path: Path, size: int, sha256: str) -> str | None:
    """What is wrong with a file of which this is stated."""
    try:
        if not path.is_file():
            return "missing"
        if path.stat().st_size != size:
            return f"{path.stat().st_size} bytes instead of {size}"
        return None if digests_of(path)[0] == sha256 else "content changed"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def unchanged_digests(directory: Path, files: Iterable[Path]) -> dict[str, str] | None:
    """The stated sha256 of files by name; None if not all are stated, or one was written after the manifest.

    Sizes and times are all that is looked at: this is for those who will read the files later.
    """
    stated = _stated(directory) or {}
    written_ns = (directory / MANIFEST).stat().st_mtime_ns if stated else 0
    digests = {}
    for file in files:
        size, sha256 = stated.get(file.name, (None, None))
        stat = file.stat()
        if size != stat.st_size or stat.st_mtime_ns > written_ns:
            return None
        digests[file.name] = sha256
    return digests


def _stated(directory: Path) -> dict[str, tuple[int, str]] | None:
    """(size, sha256) by file name; None without a readable manifest."""
    try:
        files = read_object(directory / MANIFEST)["files"]
        stated = {name: (entry["size"], entry["sha256"]) for name, entry in files.items()}
        plain = all(Path(name).name == name and "\0" not in name for name in stated)
        sound = all(type(size) is int and _SHA256.fullmatch(sha256) for size, sha256 in stated.values())
    except (ModelFormatError, KeyError, TypeError, AttributeError):
        return None
    return stated if plain and sound else None


def digests_of(path: Path) -> tuple[str, str]:
    """(sha256 of the content, git's name of it) in one reading."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sha256.update(chunk)
            blob.update(chunk)
    return sha256.hexdigest(), blob.hexdigest()


def write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
