"""A model directory becomes a model: every tensor in its place, quantized where the files are, checked for NaN.

A module is quantized if and only if its `scales` are in the files; bits and group size follow from shapes, never from
names. Source of the layout: `mlx.nn.quantize` of MLX 0.32, and the repositories of mlx-community.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from mlxvision.errors import ModelFormatError, UsageError, shorten
from mlxvision.families import find
from mlxvision.family import Family, Model
from mlxvision.loading.arrays import hub_order, kernel_shapes
from mlxvision.loading.checkpoint import Checkpoint, Tensor
from mlxvision.loading.header import FLOATS, ITEM_BYTES, TensorInfo
from mlxvision.loading.manifest import unchanged_digests
from mlxvision.loading.memory import CONTEXT_TOKENS, LowMemory, estimate, plan_memory
from mlxvision.loading.stored import Part, StoredNet
from mlxvision.loading.tokens import check_tokens
from mlxvision.nn.decoder import share_out
from mlxvision.nn.linear import QuantizedLinear
from mlxvision.nn.sharing import Group
from mlxvision.text import Tokenizer

_NAMED = 3  # of the tensors that do not fit
_AFFINE_BITS, _AFFINE_GROUPS = (2, 3, 4, 5, 6, 8), (32, 64, 128)
_FLOAT_MODES = {(4, 16): "nvfp4", (4, 32): "mxfp4", (8, 32): "mxfp8"}
_ADVICE = "Get the model again, or its config.json if you changed that"


def load_model(
    directory: Path,
    name: str,
    *,
    force: bool = False,
    low_memory: LowMemory = "auto",
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    group: Group | None = None,
) -> Model:
    """The tower is read with the first image if a manifest tells the revision; else everything is, for a checksum.

    name: as the caller gave it. force: load and answer even what seems not to fit into memory.
    low_memory: whether the tower and all else take turns in memory; "auto": if both do not fit together.
    min_pixels, max_pixels: of a picture, in place of what the checkpoint says; for families that show pictures in their
    own size.
    group: machines that share the decoder.

    Raises: ModelFormatError, UnsupportedModelError, OutOfMemoryError, UsageError
    """
    checkpoint = Checkpoint(directory)
    family = find(checkpoint.model_type)
    limits = {"min_pixels": min_pixels, "max_pixels": max_pixels}
    config = _read_config(family, checkpoint, {key: n for key, n in limits.items() if n is not None})
    tokenizer = Tokenizer.from_directory(directory)
    module, tensors = build_net(checkpoint, family, config)
    if group:
        _share_out(module, checkpoint, group)
    parts = [{p: t for p, t in tensors.items() if family.is_tower(p) == is_tower} for is_tower in (True, False)]
    request_bytes = family.request_bytes(config, 1, min(CONTEXT_TOKENS, family.context_length(config)))
    estimates = [estimate(_held(module, part), request_bytes) for part in parts]
    takes_turns = plan_memory(estimates, low_memory, force=force)
    check_tokens(tokenizer, module, family, config, checkpoint.reading)
    tower, decoder = (Part(module, part) for part in parts)
    contents = unchanged_digests(directory, {tensor.file for tensor in tensors.values()})
    if contents is None:
        contents = tower.hold()
        if takes_turns:
            tower.release()
        contents |= decoder.hold()
    elif not takes_turns:
        decoder.hold()
    revision = hashlib.sha256(json.dumps([checkpoint.config, contents], sort_keys=True).encode()).hexdigest()[:12]
    if group:
        revision += f"-{group.rank() + 1}of{group.size()}"
    net = StoredNet(module, tower, decoder, takes_turns=takes_turns, group=group)
    return Model(name, revision, family, config, net, tokenizer, checkpoint.reading, force)


def _share_out(net: nn.Module, checkpoint: Checkpoint, group: Group) -> None:
    """Raises: UsageError"""
    if checkpoint.reading:  # what one machine remembers to have read, another may not
        advice = "Start it without mlx.launch"
        raise UsageError("a model that reads rows is too small to be shared", checkpoint.model_type, advice)
    share_out(net, group)


def _held(net: nn.Module, tensors: Mapping[str, Tensor]) -> Iterator[TensorInfo]:
    """What is held of each tensor: all of it, or a part."""
    parameters = cast(dict[str, mx.array], tree_flatten(net.parameters(), destination={}))
    for path, tensor in tensors.items():
        dtype, part = tensor.info.dtype, parameters[path]
        yield TensorInfo(dtype, part.shape, 0, part.size * ITEM_BYTES[dtype])


def _read_config(family: Family, checkpoint: Checkpoint, limits: Mapping[str, int]) -> Any:
    """limits: as if the checkpoint stated them. Raises: ModelFormatError, UsageError"""
    config = family.read_config(checkpoint.config, checkpoint.preprocessor)
    if not limits:
        return config
    try:
        limited = family.read_config(checkpoint.config, {**checkpoint.preprocessor, **limits})
    except ModelFormatError as error:
        given = " and ".join(f"{key} {value}" for key, value in limits.items())
        advice = "Give plausible numbers, those in preprocessor_config.json for example"
        raise UsageError("the model cannot have pictures of", given, advice) from error
    try:
        family.read_config(checkpoint.config, {**checkpoint.preprocessor, "max_pixels": 0})
    except ModelFormatError:
        return limited
    advice = f"Leave {' and '.join('--' + key.replace('_', '-') for key in limits)} out"
    raise UsageError("the model shows pictures in fixed sizes, not in their own", checkpoint.model_type, advice)


def build_net(checkpoint: Checkpoint, family: Family, config: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    """The net, quantized as the files are but still without weights, and its tensors by parameter path.

    Raises: ModelFormatError naming the tensors that are missing, unexpected or misshapen
    """
    try:
        net = family.build(config)
    except (OverflowError, ValueError) as error:  # sizes beyond what MLX can count
        raise ModelFormatError("config.json describes an impossible net", checkpoint.directory, _ADVICE) from error
    tensors = checkpoint.renamed(family.rename)
    if "lm_head" not in net:  # the table of embeddings is its head, which some writers save a second time
        tensors = {path: tensor for path, tensor in tensors.items() if not path.startswith("lm_head.")}
    quantized = [(p, _quantized(p, m, tensors)) for p, m in net.named_modules() if f"{p}.scales" in tensors]
    net.update_modules(tree_unflatten(quantized))
    _match(net, tensors, checkpoint.directory)
    return net, tensors


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
    return QuantizedLinear(columns, rows, "bias" in module, group_size, bits, mode)


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
    if info.shape != parameter.shape and not (is_kernel and info.shape == hub_order(parameter.shape)):
        return False
    if parameter.dtype in (mx.uint32, mx.uint8):
        return info.dtype == f"U{8 * parameter.dtype.size}"
    return info.dtype in FLOATS


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
