"""The files of a model directory: configs, and which tensor lies where. Reads no tensor and runs no code.

Keys that name code (`model_file`, `auto_map`) are data nobody looks at, and a chat template is looked at for one word.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxvision.errors import ModelFormatError, UnsupportedModelError, shorten
from mlxvision.keys import LARGEST_JSON_BYTES, Keys, read_bytes, read_object
from mlxvision.loading.header import TensorInfo, read_header
from mlxvision.types import Reading, Rows

INDEX = "model.safetensors.index.json"

_MOST_ROW_TOKENS = 10_000
_LONGEST_MARK, _LONGEST_REQUEST = 16, 1000
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
        """Raises: ModelFormatError naming the file that is missing or broken, UnsupportedModelError."""
        self.directory = directory
        self.config = read_object(directory / "config.json")
        _refuse_thinking(_chat_template(directory), directory)
        self.preprocessor = _read_preprocessor(directory)
        self.reading = _read_reading(directory / "reading.json")
        self.tensors: dict[str, Tensor] = {}
        stated = _read_index(directory / INDEX)
        for name in sorted(set(stated.values())) or _weight_files(directory):
            _check_name(directory / name)
            self._add(directory / name)
        for key, name in stated.items():
            if key in self.tensors and self.tensors[key].file.name != name:
                what = f"{INDEX} says that {shorten(key)} is in {shorten(name)}, but it is in"
                raise ModelFormatError(what, self.tensors[key].file.name, _ADVICE)

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


def _chat_template(directory: Path) -> str:
    """Of the first file that has one."""
    newer = directory / "chat_template.jinja"
    if newer.is_file():
        return read_bytes(newer, LARGEST_JSON_BYTES).decode(errors="replace")
    for name in ("chat_template.json", "tokenizer_config.json"):
        template = read_object(directory / name).get("chat_template") if (directory / name).is_file() else None
        if isinstance(template, str):
            return template
    return ""


def _refuse_thinking(template: str, directory: Path) -> None:
    """Our prompts open no thought for the answer to close. Raises: UnsupportedModelError"""
    opening = template.rpartition("add_generation_prompt")[2]
    if "<think>" in opening and "</think>" not in opening:
        advice = "Use the Instruct checkpoint of that size"
        raise UnsupportedModelError("a checkpoint whose answers begin with a thought", directory, advice)


def _read_reading(path: Path) -> Reading | None:
    """Our own file: how a model that was trained on rows of text reads."""
    if not os.path.lexists(path):
        return None
    keys = Keys(read_object(path), file=path.name)
    sizes = keys.inner("rows")
    canvas_px = sizes.integer("canvas_px", 8, 4096)
    row_px = sizes.integer("row_px", 8, canvas_px)
    marks, tokens = keys.texts("row_marks"), keys.integers("row_tokens", _MOST_ROW_TOKENS)
    if len(marks) < canvas_px // row_px or max(map(len, marks)) > _LONGEST_MARK:
        raise keys.fail("row_marks")
    if len(tokens) != 2 or not tokens[1]:
        raise keys.fail("row_tokens")
    requests = keys.texts("requests")
    others = {key: keys.text(key) for key in ("sheet_request", "look_request", "find_request")}
    for key, texts in {"requests": requests, **{key: (text,) for key, text in others.items()}}.items():
        if max(map(len, texts)) > _LONGEST_REQUEST:
            raise keys.fail(key)
    return Reading(
        requests=requests,
        row_marks=marks,
        row_tokens=(tokens[0], tokens[1]),
        transcript_chars=keys.integer("transcript_chars", 8, 100_000),
        look_px=keys.integer("look_px", 8, canvas_px),
        **others,
        rows=Rows(canvas_px, row_px, sizes.integer("em_px", 8, row_px)),
    )


def _weight_files(directory: Path) -> list[str]:
    """Every safetensors file but the authors' `consolidated*`."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise ModelFormatError("cannot list the files of the model", directory, "Check its permissions") from error
    files = [n for n in names if n.endswith(".safetensors") and not n.startswith(("consolidated", "."))]
    if not files:
        raise ModelFormatError("no *.safetensors file", directory, _ADVICE)
    return files


def _check_name(file: Path) -> None:
    """MLX takes no other names. Raises: ModelFormatError"""
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise ModelFormatError("the name of a file is not UTF-8", file, "Rename it, or its directory") from error


def _read_index(index: Path) -> dict[str, str]:
    """The file of each tensor; nothing if there is no index."""
    if not os.path.lexists(index):
        return {}
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelFormatError(f"{INDEX} lacks a key", "weight_map", _ADVICE)
    for key, name in weight_map.items():
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name or "\0" in name:
            raise ModelFormatError(f"{INDEX} puts {shorten(key)} outside the directory", name, _ADVICE)
    return weight_map
