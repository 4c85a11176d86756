"""The files of a model directory: configs, and which tensor lies where. Reads no tensor and runs no code.

Keys that name code (`model_file`, `auto_map`) and chat templates are data nobody looks at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxvision.errors import ModelFormatError, shorten
from mlxvision.keys import Keys, read_object
from mlxvision.loading.header import TensorInfo, read_header
from mlxvision.types import Reading, Rows

INDEX = "model.safetensors.index.json"

_MOST_ROW_TOKENS = 10_000
_ADVICE = "Get the model again"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in a file. mlx_order: the file says that it was written by MLX, so its kernels are (O, kH, kW, I)."""

    file: Path
    key: str
    info: TensorInfo
    mlx_order: bool


class Checkpoint:
    """A model directory, read as far as can be done without its weights.

    tensors: by their key in the files.
    """

    def __init__(self, directory: Path) -> None:
        """Raises: ModelFormatError naming the file that is missing or broken."""
        self.directory = directory
        self.config = read_object(directory / "config.json")
        self.preprocessor = _read_preprocessor(directory)
        self.reading = _read_reading(directory / "reading.json")
        self.tensors: dict[str, Tensor] = {}
        for file in _weight_files(directory):
            _check_name(file)
            self._add(file)

    @property
    def model_type(self) -> str:
        """Raises: ModelFormatError"""
        model_type = self.config.get("model_type")
        if not isinstance(model_type, str):
            raise ModelFormatError("config.json names no model_type", model_type, _ADVICE)
        return model_type

    def renamed(self, rename: Callable[[str], str | None]) -> dict[str, Tensor]:
        """The tensors by the net's parameter paths. Raises: ModelFormatError if two keys mean one parameter."""
        paths: dict[str, Tensor] = {}
        for key, tensor in self.tensors.items():
            path = rename(key)
            if path is None:
                continue
            if path in paths:
                raise ModelFormatError(f"two tensors for {shorten(path)}", f"{paths[path].key} and {key}", _ADVICE)
            paths[path] = tensor
        return paths

    def _add(self, file: Path) -> None:
        infos, metadata = read_header(file)
        for key, info in infos.items():
            if key in self.tensors:
                both = f"{self.tensors[key].file.name} and {file.name}"
                raise ModelFormatError(f"the tensor {shorten(key)} is in two files", both, _ADVICE)
            self.tensors[key] = Tensor(file, key, info, metadata.get("format") == "mlx")


def _read_preprocessor(directory: Path) -> dict[str, Any]:
    """transformers 5 writes it into processor_config.json, under `image_processor`."""
    path, newer = directory / "preprocessor_config.json", directory / "processor_config.json"
    if not os.path.lexists(path) and newer.exists():
        inner = read_object(newer).get("image_processor")
        if isinstance(inner, dict):
            return inner
    return read_object(path)


def _read_reading(path: Path) -> Reading | None:
    """Our own file: how a model that was trained on rows of text reads."""
    if not os.path.lexists(path):
        return None
    keys = Keys(read_object(path), file=path.name)
    sizes = keys.inner("rows")
    canvas_px = sizes.integer("canvas_px", 8, 4096)
    row_px = sizes.integer("row_px", 8, canvas_px)
    marks, tokens = keys.texts("row_marks"), keys.integers("row_tokens", _MOST_ROW_TOKENS)
    if len(marks) < canvas_px // row_px:
        raise keys.fail("row_marks")
    if len(tokens) != 2 or not tokens[1]:
        raise keys.fail("row_tokens")
    return Reading(
        requests=keys.texts("requests"),
        sheet_request=keys.text("sheet_request"),
        row_marks=marks,
        row_tokens=(tokens[0], tokens[1]),
        transcript_chars=keys.integer("transcript_chars", 8, 100_000),
        look_px=keys.integer("look_px", 8, canvas_px),
        look_request=keys.text("look_request"),
        rows=Rows(canvas_px, row_px, sizes.integer("em_px", 8, row_px)),
    )


def _weight_files(directory: Path) -> list[Path]:
    """As the index says, else every safetensors file but the authors' `consolidated*`."""
    index = directory / INDEX
    if os.path.lexists(index):
        return [directory / name for name in _shards(index)]
    files = [f for f in directory.glob("*.safetensors") if not f.name.startswith(("consolidated", "."))]
    if not files:
        raise ModelFormatError("no *.safetensors file", directory, _ADVICE)
    return sorted(files)


def _check_name(file: Path) -> None:
    """MLX takes no other names. Raises: ModelFormatError"""
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise ModelFormatError("the name of a file is not UTF-8", file, "Rename it, or its directory") from error


def _shards(index: Path) -> list[str]:
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelFormatError(f"{INDEX} lacks a key", "weight_map", _ADVICE)
    for key, name in weight_map.items():
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name or "\0" in name:
            raise ModelFormatError(f"{INDEX} puts {shorten(key)} outside the directory", name, _ADVICE)
    return sorted(set(weight_map.values()))
