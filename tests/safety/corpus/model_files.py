"""Changes to a model directory, each a function of the directory; a case is one of them and what is to come of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from mlxvision.errors import ModelError, ModelFormatError
from tests.unit.loading.toy import write_safetensors

Spoil = Callable[[Path], None]

CONFIG, PREPROCESSOR, TOKENIZER, READING = "config.json", "preprocessor_config.json", "tokenizer.json", "reading.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
HEAD = "language_model.lm_head.weight"
MISSING = object()


@dataclass(frozen=True, slots=True)
class Case:
    """base: which checkpoint it is done to. says: what the error must name. error: None if the model still answers."""

    name: str
    base: str
    spoil: Spoil
    says: tuple[str, ...] = ()
    error: type[ModelError] | None = ModelFormatError


class Raw(str):
    """Stands in JSON as it is."""


def write(name: str, content: str | bytes) -> Spoil:
    raw = content.encode() if isinstance(content, str) else content
    return lambda directory: void((directory / name).write_bytes(raw))


def void(_: object) -> None:
    """Whatever was returned is not needed."""


def remove(name: str) -> Spoil:
    return lambda directory: (directory / name).unlink()


def cut(name: str, n_bytes: int) -> Spoil:
    """Keep the first bytes; of a negative number, all but the last ones."""
    return lambda directory: void((directory / name).write_bytes((directory / name).read_bytes()[:n_bytes]))


def append(name: str, content: bytes) -> Spoil:
    return lambda directory: void((directory / name).write_bytes((directory / name).read_bytes() + content))


def all_of(*spoils: Spoil) -> Spoil:
    def spoil(directory: Path) -> None:
        for one in spoils:
            one(directory)

    return spoil


def replaced(name: str, kind: str) -> Spoil:
    """Something else in the place of a file."""

    def spoil(directory: Path) -> None:
        path = directory / name
        path.unlink(missing_ok=True)
        match kind:
            case "directory":
                path.mkdir()
            case "fifo":
                os.mkfifo(path)
            case target:
                path.symlink_to({"dangling link": "nowhere", "link to itself": path.name}.get(target, target))

    return spoil


def linked(name: str) -> Spoil:
    """A link to the file, which lies outside of the directory."""

    def spoil(directory: Path) -> None:
        outside = directory.with_name(f"{directory.name}-{name}")
        (directory / name).rename(outside)
        (directory / name).symlink_to(outside)

    return spoil


def changed(name: str, path: str, value: Any) -> Spoil:
    """One value of a JSON file; path: the keys that lead to it, with dots between."""

    def spoil(directory: Path) -> None:
        content = json.loads((directory / name).read_text(encoding="utf-8"))
        *outer, last = path.split(".")
        inner = content
        for key in outer:
            inner = inner[key]
        if value is MISSING:
            del inner[last]
        else:
            inner[last] = f"raw {value}" if isinstance(value, Raw) else value
        text = json.dumps(content)
        if isinstance(value, Raw):
            text = text.replace(json.dumps(f"raw {value}"), value)
        (directory / name).write_text(text, encoding="utf-8")

    return spoil


def edited(name: str, edit: Callable[[Any], Any]) -> Spoil:
    """edit: is given the content of a JSON file and changes it."""

    def spoil(directory: Path) -> None:
        content = json.loads((directory / name).read_text(encoding="utf-8"))
        edit(content)
        (directory / name).write_text(json.dumps(content), encoding="utf-8")

    return spoil


def header(edit: Callable[[dict[str, Any]], Any]) -> Spoil:
    """edit: is given the header of the weights and changes it."""

    def text(raw: bytes) -> bytes:
        entries = json.loads(raw)
        edit(entries)
        return json.dumps(entries).encode()

    return raw_header(text)


def raw_header(edit: Callable[[bytes], bytes], size: int | None = None) -> Spoil:
    """size: what is said to be the header's."""

    def spoil(directory: Path) -> None:
        content = (directory / WEIGHTS).read_bytes()
        stop = 8 + int.from_bytes(content[:8], "little")
        raw = edit(content[8:stop])
        n = len(raw) if size is None else size
        (directory / WEIGHTS).write_bytes(n.to_bytes(8, "little") + raw + content[stop:])

    return spoil


def tensors(edit: Callable[[dict[str, np.ndarray]], Any]) -> Spoil:
    """edit: is given all arrays of the weights and changes them."""

    def spoil(directory: Path) -> None:
        arrays = {key: x.copy() for key, x in load_file(directory / WEIGHTS).items()}
        edit(arrays)
        write_safetensors(directory / WEIGHTS, arrays, {"format": "mlx"})

    return spoil


def poisoned(key: str, value: float, dtype: type[np.floating] = np.float32) -> Spoil:
    """One number of a tensor is none."""

    def edit(arrays: dict[str, np.ndarray]) -> None:
        arrays[key] = arrays[key].astype(dtype)
        arrays[key].flat[-1] = value

    return tensors(edit)
