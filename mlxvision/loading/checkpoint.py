"""The files of a model directory: configs, and which tensor lies where. Reads no tensor and runs no code.

Keys that name code (`model_file`, `auto_map`) and chat templates are data nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxvision.errors import ModelFormatError, shorten
from mlxvision.loading.header import TensorInfo, parse_object, read_header
from mlxvision.types import Reading, Rows

INDEX = "model.safetensors.index.json"

_LARGEST_JSON_BYTES = 32_000_000
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
        self.config = _read_json(directory / "config.json")
        self.preprocessor = _read_preprocessor(directory)
        self.reading = _read_reading(directory / "reading.json")
        self.tensors: dict[str, Tensor] = {}
        for file in _weight_files(directory):
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


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelFormatError("a file of the model is missing", path, _ADVICE)
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_JSON_BYTES + 1)
    except OSError as error:
        raise ModelFormatError("cannot read a file of the model", path, "Check its permissions") from error
    if len(raw) > _LARGEST_JSON_BYTES:
        raise ModelFormatError(f"a JSON file of more than {_LARGEST_JSON_BYTES} bytes", path, _ADVICE)
    return parse_object(raw, path.name)


def _read_preprocessor(directory: Path) -> dict[str, Any]:
    """transformers 5 writes it into processor_config.json, under `image_processor`."""
    path, newer = directory / "preprocessor_config.json", directory / "processor_config.json"
    if not path.exists() and newer.exists():
        inner = _read_json(newer).get("image_processor")
        if isinstance(inner, dict):
            return inner
    return _read_json(path)


def _read_reading(path: Path) -> Reading | None:
    """Our own file: how a model that was trained on rows of text reads."""
    if not path.exists():
        return None
    given = _read_json(path)
    try:
        requests, marks, rows = tuple(given["requests"]), tuple(given["row_marks"]), Rows(**given["rows"])
        first, count = given["row_tokens"]
        reading = Reading(requests, given["sheet_request"], marks, (first, count), given["transcript_chars"], rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFormatError("reading.json is not as it should be", sorted(given), _ADVICE) from error
    sizes = (rows.canvas_px, rows.row_px, rows.em_px, reading.transcript_chars)
    if not all(isinstance(size, int) and 8 <= size <= 10_000 for size in sizes) or rows.row_px > rows.canvas_px:
        raise ModelFormatError("reading.json has implausible sizes", sizes, _ADVICE)
    if not all(isinstance(n, int) and 0 <= n <= 10_000 for n in reading.row_tokens) or not count:
        raise ModelFormatError("reading.json has implausible row tokens", reading.row_tokens, _ADVICE)
    texts = (*reading.requests, reading.sheet_request, *reading.row_marks)
    if not all(isinstance(text, str) and text for text in texts):
        raise ModelFormatError("reading.json has requests that are no text", texts, _ADVICE)
    if len(reading.row_marks) < rows.canvas_px // rows.row_px:
        raise ModelFormatError("reading.json has too few row marks", len(reading.row_marks), _ADVICE)
    return reading


def _weight_files(directory: Path) -> list[Path]:
    """As the index says, else every safetensors file but the authors' `consolidated*`."""
    index = directory / INDEX
    if index.exists():
        return [directory / name for name in _shards(index)]
    files = [f for f in directory.glob("*.safetensors") if not f.name.startswith(("consolidated", "."))]
    if not files:
        raise ModelFormatError("no *.safetensors file", directory, _ADVICE)
    return sorted(files)


def _shards(index: Path) -> list[str]:
    weight_map = _read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelFormatError(f"{INDEX} lacks a key", "weight_map", _ADVICE)
    for key, name in weight_map.items():
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name or "\0" in name:
            raise ModelFormatError(f"{INDEX} puts {shorten(key)} outside the directory", name, _ADVICE)
    return sorted(set(weight_map.values()))
