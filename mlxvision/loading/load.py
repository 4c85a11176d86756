"""A model directory becomes a model: every tensor in its place, quantized where the files are, checked for NaN.

A module is quantized if and only if its `scales` are in the files; bits and group size follow from shapes, never from
names. Source of the layout: `mlx.nn.quantize` of MLX 0.32, and the repositories of mlx-community.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from mlxvision.errors import ModelFormatError, shorten
from mlxvision.families import find
from mlxvision.family import Family, Model, Net
from mlxvision.loading.checkpoint import Checkpoint, Tensor
from mlxvision.loading.header import FLOATS
from mlxvision.loading.memory import CONTEXT_TOKENS, check_memory, estimate, widens
from mlxvision.text import Tokenizer

_BATCH_BYTES = 1 << 28
_NAMED = 3  # of the tensors that do not fit
_AFFINE_BITS, _AFFINE_GROUPS = (2, 3, 4, 5, 6, 8), (32, 64, 128)
_FLOAT_MODES = {(4, 16): "nvfp4", (4, 32): "mxfp4", (8, 32): "mxfp8"}
_UNSIGNED = {1: mx.uint8, 2: mx.uint16, 4: mx.uint32}
_EXPONENT = {mx.float16: 0x7C00, mx.bfloat16: 0x7F80, mx.float32: 0x7F800000}
_ADVICE = "Get the model again, or its config.json if you changed that"


def load_model(directory: Path, name: str, *, force: bool = False) -> Model:
    """name: as the caller gave it. force: load even what seems not to fit into memory.

    Raises: ModelFormatError, UnsupportedModelError, OutOfMemoryError
    """
    checkpoint = Checkpoint(directory)
    family = find(checkpoint.model_type)
    config = family.read_config(checkpoint.config, checkpoint.preprocessor)
    tokenizer = Tokenizer.from_directory(directory)
    net, tensors = build_net(checkpoint, family, config)
    if not force:
        request_bytes = family.request_bytes(config, 1, min(CONTEXT_TOKENS, family.context_length(config)))
        check_memory(estimate((t.info for t in tensors.values()), request_bytes))
    checksums = _fill(net, tensors)
    revision = hashlib.sha256(json.dumps([checkpoint.config, checksums], sort_keys=True).encode()).hexdigest()[:12]
    return Model(name, revision, family, config, cast(Net, net), tokenizer, checkpoint.reading)


def build_net(checkpoint: Checkpoint, family: Family, config: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    """The net, quantized as the files are but still without weights, and its tensors by parameter path.

    Raises: ModelFormatError naming the tensors that are missing, unexpected or misshapen
    """
    try:
        net = family.build(config)
    except (OverflowError, ValueError) as error:  # sizes beyond what MLX can count
        raise ModelFormatError("config.json describes an impossible net", checkpoint.directory, _ADVICE) from error
    tensors = checkpoint.renamed(family.rename)
    quantized = [(p, _quantized(p, m, tensors)) for p, m in net.named_modules() if f"{p}.scales" in tensors]
    net.update_modules(tree_unflatten(quantized))
    _match(net, tensors, checkpoint.directory)
    return net, tensors


def kernel_shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    """(O, kH, kW, I) of every convolution, by parameter path."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return {f"{path}.weight": m.weight.shape for path, m in net.named_modules() if isinstance(m, kinds)}


def is_hub_order(tensor: Tensor, kernel_shape: tuple[int, ...]) -> bool:
    """Whether a kernel is stored (O, I, kH, kW). Where both orders have one shape, the file's metadata tells."""
    if kernel_shape == _hub_order(kernel_shape):
        return not tensor.mlx_order
    return tensor.info.shape == _hub_order(kernel_shape)


def _hub_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1])


def _quantized(path: str, module: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The quantized counterpart of a module, with the bits and groups that the shapes in the files imply."""
    scales, weight = tensors[f"{path}.scales"].info, tensors.get(f"{path}.weight")
    if not isinstance(module, nn.Linear | nn.Embedding) or weight is None:
        raise ModelFormatError("scales for a module that cannot be quantized", path, _ADVICE)
    rows, columns = module.weight.shape
    group_size = columns // max(1, math.prod(scales.shape[-1:]))
    bits = 32 * math.prod(weight.info.shape[-1:]) // columns
    if scales.dtype == "U8":
        mode = _FLOAT_MODES.get((bits, group_size))
    else:
        mode = "affine" if bits in _AFFINE_BITS and group_size in _AFFINE_GROUPS else None
    if mode is None or columns % group_size:
        shapes = f"weight {weight.info.shape}, scales {scales.shape} {scales.dtype} for {columns} columns"
        raise ModelFormatError(f"implausible quantization of {shorten(path)}", shapes, _ADVICE)
    if isinstance(module, nn.Embedding):
        return nn.QuantizedEmbedding(rows, columns, group_size, bits, mode)
    return nn.QuantizedLinear(columns, rows, "bias" in module, group_size, bits, mode)


def _match(net: nn.Module, tensors: Mapping[str, Tensor], directory: Path) -> None:
    parameters = cast(dict[str, mx.array], tree_flatten(net.parameters(), destination={}))
    kernels = kernel_shapes(net)
    wrong = [
        f"{shorten(path)} is {tensor.info.dtype} {tensor.info.shape}, not {parameters[path].shape}"
        for path, tensor in tensors.items()
        if path in parameters and not _fits(tensor, parameters[path], path in kernels)
    ]
    faults = {
        "missing": sorted(parameters.keys() - tensors.keys()),
        "unexpected": sorted(shorten(path) for path in tensors.keys() - parameters.keys()),
        "misshapen": sorted(wrong),
    }
    said = [f"{len(names)} {fault} ({_first(names)})" for fault, names in faults.items() if names]
    if said:
        raise ModelFormatError(f"tensors do not fit config.json, {', '.join(said)}", directory, _ADVICE)


def _fits(tensor: Tensor, parameter: mx.array, is_kernel: bool) -> bool:
    info = tensor.info
    if info.shape != parameter.shape and not (is_kernel and info.shape == _hub_order(parameter.shape)):
        return False
    if parameter.dtype in (mx.uint32, mx.uint8):
        return info.dtype == f"U{8 * parameter.dtype.size}"
    return info.dtype in FLOATS


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _fill(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """Give the net its arrays, some at a time, so that no second copy of all is ever held; the arrays' checksums."""
    kernels = kernel_shapes(net)
    checksums: dict[str, object] = {}
    for batch in _read(tensors):
        exponents = {path: _largest_exponent(x) for path, x in batch.items() if x.dtype in _EXPONENT}
        sums = {path: _checksum(x) for path, x in batch.items()}
        arrays = {path: _for_net(x, tensors[path], kernels.get(path)) for path, x in batch.items()}
        mx.eval(exponents, sums, arrays)
        for path, exponent in exponents.items():
            if exponent.item() == _EXPONENT[batch[path].dtype]:
                raise ModelFormatError(f"NaN or infinity in {shorten(tensors[path].key)}", tensors[path].file, _ADVICE)
        checksums |= {path: x.item() for path, x in sums.items()}
        net.load_weights(list(arrays.items()), strict=False)
    return checksums


def _read(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, mx.array]]:
    """The arrays as stored, not yet evaluated, in batches of about `_BATCH_BYTES`."""
    in_file_order = sorted(tensors.items(), key=lambda item: (item[1].file, item[1].info.start))
    for file, group in groupby(in_file_order, key=lambda item: item[1].file):
        arrays = cast(dict[str, mx.array], mx.load(str(file), format="safetensors"))
        batch: dict[str, mx.array] = {}
        for path, tensor in group:
            batch[path] = arrays.pop(tensor.key)
            if sum(x.nbytes for x in batch.values()) >= _BATCH_BYTES:
                yield batch
                batch = {}
        yield batch


def _for_net(x: mx.array, tensor: Tensor, kernel_shape: tuple[int, ...] | None) -> mx.array:
    if kernel_shape is not None and is_hub_order(tensor, kernel_shape):
        x = mx.contiguous(mx.moveaxis(x, 1, -1))
    return x.astype(mx.float32) if widens() and x.dtype in _EXPONENT else x


def _bits(x: mx.array) -> mx.array:
    return mx.view(x[None], _UNSIGNED[x.dtype.size])


def _largest_exponent(x: mx.array) -> mx.array:
    """All ones in NaN and infinity, and in nothing else."""
    bits = _bits(x)
    return mx.bitwise_and(bits, mx.array(_EXPONENT[x.dtype], bits.dtype)).max()


def _checksum(x: mx.array) -> mx.array:
    """A sum over the bits that knows the order of rows: exact, so it is the same on every device."""
    rows = _bits(x).sum(axis=-1).flatten()
    return (rows * mx.arange(1, rows.size + 1, dtype=mx.uint32)).sum()
