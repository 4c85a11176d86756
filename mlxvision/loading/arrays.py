"""Tensors of files become arrays of a net: kernels in MLX's order, floats as this machine computes them, no NaN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import cast

import mlx.core as mx
import mlx.nn as nn

from mlxvision.errors import ModelFormatError, shorten
from mlxvision.loading.checkpoint import Tensor
from mlxvision.loading.memory import widens
from mlxvision.nn.sharing import Share, shares_of

_BATCH_BYTES = 1 << 26
_UNSIGNED = {1: mx.uint8, 2: mx.uint16, 4: mx.uint32}
_EXPONENT = {mx.float16: 0x7C00, mx.bfloat16: 0x7F80, mx.float32: 0x7F800000}
_SCALE = {"mxfp4": 0xFF, "mxfp8": 0xFF, "nvfp4": 0x7F}
"""The bits that are all ones in a scale of one byte that is NaN."""


def fill(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """Give the net its arrays, some at a time, so that no second copy of all is ever held; the arrays' checksums.

    tensors: by parameter path.
    Raises: ModelFormatError naming the tensor with NaN or infinity.
    """
    kernels, shares, scales = kernel_shapes(net), shares_of(net), _scale_masks(net)
    checksums: dict[str, object] = {}
    for batch in _stored(tensors):
        masks = {path: mask for path, x in batch.items() if (mask := _EXPONENT.get(x.dtype) or scales.get(path))}
        exponents = {path: _largest(batch[path], mask) for path, mask in masks.items()}
        sums = {path: _checksum(x) for path, x in batch.items()}
        arrays = {path: _for_net(x, tensors[path], kernels.get(path), shares.get(path)) for path, x in batch.items()}
        mx.eval(exponents, sums, arrays)
        for path, exponent in exponents.items():
            if exponent.item() == masks[path]:
                what = f"NaN or infinity in {shorten(tensors[path].key)}"
                raise ModelFormatError(what, tensors[path].file, "Get the model again")
        checksums |= {path: x.item() for path, x in sums.items()}
        net.load_weights(list(arrays.items()), strict=False)
    return checksums


def defer(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give the net arrays that MLX reads when they are computed with; until then they take no memory."""
    kernels, shares = kernel_shapes(net), shares_of(net)
    for batch in _stored(tensors):
        arrays = [(p, _for_net(x, tensors[p], kernels.get(p), shares.get(p))) for p, x in batch.items()]
        net.load_weights(arrays, strict=False)


def kernel_shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    """(O, kH, kW, I) of every convolution, by parameter path."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return {f"{path}.weight": m.weight.shape for path, m in net.named_modules() if isinstance(m, kinds)}


def is_hub_order(tensor: Tensor, kernel_shape: tuple[int, ...]) -> bool:
    """Whether a kernel is stored (O, I, kH, kW). Where both orders have one shape, the file's metadata tells."""
    if kernel_shape == hub_order(kernel_shape):
        return not tensor.mlx_order
    return tensor.info.shape == hub_order(kernel_shape)


def hub_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[-1], *shape[1:-1])


def _stored(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, mx.array]]:
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


def _for_net(x: mx.array, tensor: Tensor, kernel_shape: tuple[int, ...] | None, share: Share | None) -> mx.array:
    if share is not None:
        x = share.of(x)
    if kernel_shape is not None and is_hub_order(tensor, kernel_shape):
        x = mx.contiguous(mx.moveaxis(x, 1, -1))
    return x.astype(mx.float32) if widens() and x.dtype in _EXPONENT else x


def _bits(x: mx.array) -> mx.array:
    return mx.view(x[None], _UNSIGNED[x.dtype.size])


def _scale_masks(net: nn.Module) -> dict[str, int]:
    """`_SCALE` of all scales of one byte, by parameter path."""
    shared = (nn.QuantizedAllToShardedLinear, nn.QuantizedShardedToAllLinear)
    kinds = (nn.QuantizedLinear, nn.QuantizedEmbedding, *shared)
    quantized = [(path, module) for path, module in net.named_modules() if isinstance(module, kinds)]
    return {f"{path}.scales": _SCALE[module.mode] for path, module in quantized if module.mode in _SCALE}


def _largest(x: mx.array, mask: int) -> mx.array:
    """What is left of x by the mask: all of it in NaN and infinity, and in nothing else."""
    bits = _bits(x)
    return mx.bitwise_and(bits, mx.array(mask, bits.dtype)).max()


def _checksum(x: mx.array) -> mx.array:
    """A sum over the bits that knows the order of rows: exact, so it is the same on every device."""
    rows = _bits(x).sum(axis=-1).flatten()
    return (rows * mx.arange(1, rows.size + 1, dtype=mx.uint32)).sum()
