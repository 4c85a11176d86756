"""A checkpoint becomes a smaller one, a piece of a tensor at a time: memory does not grow with the model.

The output is in the hub layout, names and order of kernels, so its metadata calls the format "pt": MLX's readers take
"mlx" to mean transposed kernels.
"""

from __future__ import annotations

import json
import math
import resource
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.errors import ModelFormatError, UsageError, shorten
from mlxvision.families import find
from mlxvision.loading.arrays import is_hub_order, kernel_shapes
from mlxvision.loading.arriving import arriving
from mlxvision.loading.checkpoint import INDEX, Checkpoint, Tensor
from mlxvision.loading.header import ITEM_BYTES, TensorInfo, encode_header
from mlxvision.loading.load import build_net
from mlxvision.loading.manifest import MANIFEST, digests_of, write_manifest
from mlxvision_weights.recipes import Recipe, find_recipe

BITS = (2, 3, 4, 5, 6, 8)
GROUP_SIZES = (32, 64, 128)
SHARD_BYTES = 4 << 30

_CHUNK_BYTES = 8 << 20
_METADATA = {"format": "pt"}
_COPIED = (
    "LICENSE",
    "LICENSE.txt",
    "NOTICE",
    "USE_POLICY.md",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "merges.txt",
    "preprocessor_config.json",
    "processor_config.json",
    "reading.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)
_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32}
_DTYPES = {"F16": mx.float16, "BF16": mx.bfloat16, "F32": mx.float32}


@dataclass(frozen=True, slots=True)
class Quantization:
    bits: int
    group_size: int
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Report:
    """bits_per_weight: of all weights, the unquantized ones too. peak_bytes: the most this process ever held."""

    bytes_in: int
    bytes_out: int
    bits_per_weight: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class _Item:
    """A tensor of the source and the tensors it becomes: {key: (dtype, shape)}; three of them if it is quantized."""

    source: Tensor
    parts: dict[str, tuple[str, tuple[int, ...]]]
    hub_order: bool

    @property
    def nbytes(self) -> int:
        return sum(math.prod(shape) * ITEM_BYTES[dtype] for dtype, shape in self.parts.values())


def convert(
    source: Path, out: Path, *, name: str, bits: int = 4, group_size: int = 64, recipe: str = "default"
) -> Report:
    """Write a quantized copy of the model in directory source to the new directory out; all of it, or nothing.

    name: of the source; of a directory the model card shows the last part only.
    Raises: UsageError, ModelFormatError, UnsupportedModelError
    """
    if bits not in BITS or group_size not in GROUP_SIZES:
        allowed = f"Use bits of {BITS} and a group size of {GROUP_SIZES}"
        raise UsageError("no such quantization", f"{bits} bits in groups of {group_size}", allowed)
    quantization = Quantization(bits, group_size, find_recipe(recipe))
    try:
        return _convert(Checkpoint(source), out, _shown(name), quantization)
    except OSError as error:
        what = f"cannot read the model or write the copy ({error.strerror})"
        raise UsageError(what, out, "Choose another --out, or get the model again") from error


def _convert(checkpoint: Checkpoint, out: Path, name: str, quantization: Quantization) -> Report:
    items = _plan(checkpoint, quantization)
    bytes_in, bytes_out = sum(i.source.info.nbytes for i in items), sum(i.nbytes for i in items)
    bits_per_weight = 8 * bytes_out / sum(i.source.info.size for i in items)
    with arriving(out) as directory:
        _check_room(directory, bytes_out)
        _write_weights(directory, items, quantization)
        _write_texts(directory, checkpoint, quantization, _card(name, quantization, bits_per_weight))
        files = sorted({path.name for path in directory.iterdir()} - {MANIFEST, "README.md"})  # people write on cards
        write_manifest(directory, {file: digests_of(directory / file)[0] for file in files}, {"source": name})
    return Report(bytes_in, bytes_out, bits_per_weight, _peak_bytes())


def _plan(checkpoint: Checkpoint, quantization: Quantization) -> list[_Item]:
    """Everything to write, in the order in which it is read."""
    quantized = next((key for key in checkpoint.tensors if key.endswith(".scales")), None)
    if quantized is not None:
        raise UsageError("the model is already quantized", quantized, "Convert the original model")
    family = find(checkpoint.model_type)
    config = family.read_config(checkpoint.config, checkpoint.preprocessor)
    net, tensors = build_net(checkpoint, family, config)
    kernels = kernel_shapes(net)
    modules = dict(net.named_modules())
    items = []
    for path, tensor in sorted(tensors.items(), key=lambda item: (item[1].file, item[1].info.start)):
        module, _, leaf = path.rpartition(".")
        info = tensor.info
        hub_order = path not in kernels or is_hub_order(tensor, kernels[path])
        shape = info.shape if hub_order else (info.shape[0], info.shape[-1], *info.shape[1:-1])
        parts = {path: (info.dtype, shape)}
        if leaf == "weight" and _is_quantized(module, modules[module], quantization):
            parts = _quantized_parts(module, info, quantization)
        items.append(_Item(tensor, parts, hub_order))
    return items


def _is_quantized(path: str, module: nn.Module, quantization: Quantization) -> bool:
    if not isinstance(module, nn.Linear | nn.Embedding) or quantization.recipe.keeps(path):
        return False
    return module.weight.shape[-1] % quantization.group_size == 0


def _quantized_parts(path: str, info: TensorInfo, q: Quantization) -> dict[str, tuple[str, tuple[int, ...]]]:
    rows, columns = info.shape
    groups = (info.dtype, (rows, columns // q.group_size))
    return {
        f"{path}.weight": ("U32", (rows, columns * q.bits // 32)),
        f"{path}.scales": groups,
        f"{path}.biases": groups,
    }


def _check_room(directory: Path, nbytes: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < nbytes:
        sizes = f"{nbytes / 1e9:.1f} GB to write, {free / 1e9:.1f} GB free"
        raise UsageError("not enough room on the disk", sizes, "Make room")


def _write_weights(directory: Path, items: Sequence[_Item], quantization: Quantization) -> None:
    shards = list(_shards(items))
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        weight_map |= {key: name for item in shard for key in item.parts}
        with (directory / name).open("wb") as file:
            head, places = encode_header({k: v for item in shard for k, v in item.parts.items()}, _METADATA)
            file.write(head)
            for item in shard:
                _write_item(file, item, places, quantization)
    index = {"metadata": {"total_size": sum(item.nbytes for item in items)}, "weight_map": weight_map}
    _write_json(directory / INDEX, index)


def _shards(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    shard, size = [], 0
    for item in items:
        if shard and size + item.nbytes > SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(item)
        size += item.nbytes
    yield shard


def _write_item(file: BinaryIO, item: _Item, places: Mapping[str, TensorInfo], quantization: Quantization) -> None:
    info = item.source.info
    targets = [places[key] for key in item.parts]
    with item.source.file.open("rb") as source:
        source.seek(info.start)
        if not item.hub_order:
            kernel = np.frombuffer(_take(source, info.nbytes), _UNSIGNED[ITEM_BYTES[info.dtype]]).reshape(info.shape)
            file.write(np.moveaxis(kernel, -1, 1).tobytes())
        elif len(targets) == 1:
            for start in range(0, info.nbytes, _CHUNK_BYTES):
                file.write(_take(source, min(_CHUNK_BYTES, info.nbytes - start)))
        else:
            _write_quantized(file, source, item.source, targets, quantization)


def _write_quantized(
    file: BinaryIO, source: BinaryIO, tensor: Tensor, targets: Sequence[TensorInfo], q: Quantization
) -> None:
    """Rows are quantized apart from each other, so some at a time give the same as all at once."""
    rows, columns = tensor.info.shape
    row_bytes = tensor.info.nbytes // rows
    step = max(1, _CHUNK_BYTES // row_bytes)
    dtype = _DTYPES[tensor.info.dtype]
    for row in range(0, rows, step):
        raw = np.frombuffer(_take(source, min(step, rows - row) * row_bytes), _UNSIGNED[dtype.size])
        x = mx.view(mx.array(raw), dtype).reshape(-1, columns)
        if not mx.isfinite(x).all().item():
            raise ModelFormatError(f"NaN or infinity in {shorten(tensor.key)}", tensor.file, "Get the model again")
        for part, place in zip(mx.quantize(x, q.group_size, q.bits), targets, strict=True):
            file.seek(place.start + row * (place.nbytes // rows))
            file.write(np.asarray(mx.view(part, mx.uint8)).tobytes())


def _take(source: BinaryIO, nbytes: int) -> bytes:
    data = source.read(nbytes)
    if len(data) != nbytes:
        raise ModelFormatError("a file of the model changed while it was read", source.name, "Convert again")
    return data


def _write_texts(directory: Path, checkpoint: Checkpoint, q: Quantization, card: str) -> None:
    quantization = {"group_size": q.group_size, "bits": q.bits}
    config = {**checkpoint.config, "quantization": quantization, "quantization_config": quantization}
    _write_json(directory / "config.json", config)
    for name in _COPIED:
        if (checkpoint.directory / name).is_file():
            shutil.copyfile(checkpoint.directory / name, directory / name)
    (directory / "README.md").write_text(card, "utf-8")


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", "utf-8")


def _shown(name: str) -> str:
    path = Path(name)
    return shorten(path.resolve().name if path.is_dir() else name)


def _card(name: str, q: Quantization, bits_per_weight: float) -> str:
    return f"""---
base_model: {json.dumps(name)}
library_name: mlx
pipeline_tag: image-text-to-text
---

# {name}, {q.bits}-bit

Converted by `mlxvision convert --bits {q.bits} --group-size {q.group_size} --recipe {q.recipe.name}`.

| source | recipe | bits | group size | bits per weight, all weights |
|---|---|---|---|---|
| {name} | {q.recipe.name} | {q.bits} | {q.group_size} | {bits_per_weight:.2f} |

{q.recipe.about}

The terms of the source apply to this copy.
"""


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
