"""The header of a safetensors file, checked in full before anything computes with it.

MLX multiplies shapes without looking for overflow, so a header that lies can crash the process; hence our own check.
Source: the format's description in the safetensors repository.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mlxvision.errors import ModelFormatError, shorten
from mlxvision.keys import LARGEST_DIMENSION, LARGEST_JSON_BYTES, parse_object

ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
}
FLOATS = frozenset({"F16", "BF16", "F32"})

_SIZE_BYTES = 8
_MOST_DIMENSIONS = 8
_ADVICE = "Get this file again"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies: start and stop are positions in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.stop - self.start


def read_header(path: Path) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """The tensors of a safetensors file and its metadata.

    Raises: ModelFormatError naming the file and the key.
    """
    raw, data_start, file_size = _read_raw(path)
    entries = parse_object(raw, path.name)
    metadata = entries.pop("__metadata__", None)
    if metadata is None:  # MLX writes null where it has none
        metadata = {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        _fail(path, "has metadata that is not text", "__metadata__")
    tensors = {key: _read_entry(path, key, entry, data_start) for key, entry in entries.items()}
    _check_layout(path, tensors, data_start, file_size)
    return tensors, metadata


def encode_header(
    tensors: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str]
) -> tuple[bytes, dict[str, TensorInfo]]:
    """{key: (dtype, shape)} in file order -> the file's first bytes, and where each tensor belongs."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    position = 0
    for key, (dtype, shape) in tensors.items():
        stop = position + math.prod(shape) * ITEM_BYTES[dtype]
        entries[key] = {"dtype": dtype, "shape": shape, "data_offsets": [position, stop]}
        position = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = _SIZE_BYTES + len(text)
    infos = {
        key: TensorInfo(dtype, shape, *(start + offset for offset in entries[key]["data_offsets"]))
        for key, (dtype, shape) in tensors.items()
    }
    return len(text).to_bytes(_SIZE_BYTES, "little") + text, infos


def _fail(path: Path, what: str, value: object) -> NoReturn:
    raise ModelFormatError(f"{shorten(path.name)} {what}", value, _ADVICE)


def _read_raw(path: Path) -> tuple[bytes, int, int]:
    """The JSON text, where the data starts, and the size of the file."""
    try:
        if not path.is_file():
            raise ModelFormatError("a file of the model is missing", path, "Get the model again")
        with path.open("rb") as file:
            file_size = path.stat().st_size
            size = int.from_bytes(file.read(_SIZE_BYTES), "little")
            if file_size < _SIZE_BYTES or size > min(LARGEST_JSON_BYTES, file_size - _SIZE_BYTES):
                _fail(path, "is truncated or no safetensors file; its header's size would be", size)
            return file.read(size), _SIZE_BYTES + size, file_size
    except OSError as error:
        raise ModelFormatError("cannot read a file of the model", path, "Check its permissions") from error


def _read_entry(path: Path, key: str, entry: Any, data_start: int) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        _fail(path, "describes a tensor in an unknown way", key)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        _fail(path, f"has a tensor of the unreadable type {shorten(dtype)}", key)
    if not _are_counts(shape) or len(shape) > _MOST_DIMENSIONS or any(n > LARGEST_DIMENSION for n in shape):
        _fail(path, f"has a tensor of the impossible shape {shorten(shape)}", key)
    if not _are_counts(offsets) or len(offsets) != 2:
        _fail(path, f"has a tensor at the impossible place {shorten(offsets)}", key)
    start, stop = offsets
    if math.prod(shape) * ITEM_BYTES[dtype] != stop - start:
        _fail(path, f"has a tensor whose shape {shorten(shape)} does not fit its {stop - start} bytes", key)
    return TensorInfo(dtype, tuple(shape), data_start + start, data_start + stop)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)


def _check_layout(path: Path, tensors: Mapping[str, TensorInfo], data_start: int, file_size: int) -> None:
    """The tensors must fill the file: no gap, no overlap, nothing after them."""
    position = data_start
    for key, info in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if info.start != position:
            _fail(path, "has a gap or an overlap before a tensor", key)
        position = info.stop
    if position != file_size:
        _fail(path, f"is truncated or too long: {file_size} bytes where its header says", position)
