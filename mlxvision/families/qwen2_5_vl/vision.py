"""The vision tower: patches of one image attend to each other, mostly within windows; then they become image tokens.

Source: `modeling_qwen2_5_vl.py` of transformers 5.23. Names and shapes follow the hub checkpoint.

Patches are put in the order of their windows, and windows of one shape after each other, so that attention within
windows is attention in a batch: no mask, and no work that is thrown away. Windows at the right and at the lower edge
are smaller, so there are up to four shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.families.qwen2_5_vl.config import VisionConfig
from mlxvision.nn.attention import attend
from mlxvision.nn.grid_input import CHANNELS, GridInput
from mlxvision.nn.rope import Turn, frequencies, rotate, turn_by

_NORM_EPS = 1e-6
_ROPE_THETA = 10000.0

Windows = Sequence[tuple[int, int]]
"""(n, size): the next n windows have size patches each."""


class PatchEmbed(nn.Module):
    """A kernel over frames of a film; a still image is the same frame over and over."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        kernel = (config.temporal_patch_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(CHANNELS, config.hidden_size, kernel, kernel, bias=False)

    def __call__(self, patches: mx.array) -> mx.array:
        """patches: (P, side, side, C) -> (P, D)"""
        D, T, *patch = self.proj.weight.shape
        frames = mx.broadcast_to(patches[:, None], (len(patches), T, *patch)).reshape(len(patches), -1)
        # A kernel that meets every pixel once is a matrix.
        return frames.astype(self.proj.weight.dtype) @ self.proj.weight.reshape(D, -1).T


class Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.n_heads, self.scale = config.num_heads, config.head_dim**-0.5
        self.qkv = nn.Linear(D, 3 * D)
        self.proj = nn.Linear(D, D)

    def __call__(self, x: mx.array, turn: Turn, windows: Windows) -> mx.array:
        """x: (P, D) -> (P, D)"""
        q, k, v = self.qkv(x).reshape(1, len(x), 3, self.n_heads, -1).transpose(2, 0, 3, 1, 4)
        q, k = rotate(q, turn), rotate(k, turn)
        attended, start = [], 0
        for n, size in windows:
            group = (y[0, :, start : start + n * size].reshape(self.n_heads, n, size, -1) for y in (q, k, v))
            q_n, k_n, v_n = (y.transpose(1, 0, 2, 3) for y in group)
            out = attend(q_n, k_n, v_n, self.scale)
            attended.append(out.transpose(0, 2, 1, 3).reshape(n * size, -1))
            start += n * size
        return self.proj(mx.concatenate(attended))


class MLP(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        D, F = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(D, F)
        self.up_proj = nn.Linear(D, F)
        self.down_proj = nn.Linear(F, D)

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(nn.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(config.hidden_size, _NORM_EPS)
        self.norm2 = nn.RMSNorm(config.hidden_size, _NORM_EPS)
        self.attn = Attention(config)
        self.mlp = MLP(config)

    def __call__(self, x: mx.array, turn: Turn, windows: Windows) -> mx.array:
        x = x + self.attn(self.norm1(x), turn, windows)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    """The patches of an image token, side by side, become one feature of the decoder's width."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.n_merged = config.spatial_merge_size**2
        D = config.hidden_size * self.n_merged
        self.ln_q = nn.RMSNorm(config.hidden_size, _NORM_EPS)
        self.mlp = [nn.Linear(D, D), nn.GELU(), nn.Linear(D, config.out_hidden_size)]

    def __call__(self, x: mx.array) -> mx.array:
        """x: (P, D) -> (N, D of the decoder)"""
        x = self.ln_q(x).reshape(len(x) // self.n_merged, -1)
        for step in self.mlp:
            x = step(x)
        return x


class VisionTower(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.blocks = [Block(config) for _ in range(config.depth)]
        self.merger = Merger(config)
        self._frequencies = frequencies(_ROPE_THETA, config.head_dim // 2)

    def __call__(self, image: GridInput, each_step: Callable[[], None]) -> mx.array:
        """-> (N, D of the decoder), in reading order."""
        groups = windows_by_shape(*image.grid, self.config.window)
        tokens = np.concatenate([group.ravel() for group in groups])
        patches = np.arange(len(tokens) * image.merge**2).reshape(len(tokens), -1)[tokens].ravel()
        windows = [(len(group), group.shape[1] * image.merge**2) for group in groups]
        # Half of a head turns with the row of a patch, half with its column.
        rows, columns = mx.array(image.positions()[:, patches])[..., None] * self._frequencies
        turn = turn_by(mx.concatenate([rows, columns], axis=-1))
        x = self.patch_embed(mx.array(image.patches()))[mx.array(patches)]
        for i, block in enumerate(self.blocks):
            x = block(x, turn, [(1, len(x))] if i in self.config.fullatt_block_indexes else windows)
            mx.eval(x)
            each_step()
        return self.merger(x)[mx.array(np.argsort(tokens))]


def windows_by_shape(rows: int, columns: int, side: int) -> list[np.ndarray]:
    """For each shape of windows that a grid of image tokens is cut into: the tokens (windows, tokens of a window)."""
    grid = np.arange(rows * columns).reshape(rows, columns)
    groups = []
    for band, height in _cut(rows, side):
        for strip, width in _cut(columns, side):
            part = grid[band, strip]
            part = part.reshape(part.shape[0] // height, height, part.shape[1] // width, width)
            groups.append(part.transpose(0, 2, 1, 3).reshape(-1, height * width))
    return groups


def _cut(length: int, side: int) -> list[tuple[slice, int]]:
    """What whole windows cover, and what is left: each with how long a window is there."""
    whole = length - length % side
    cuts = [(slice(0, whole), side), (slice(whole, length), length - whole)]
    return [(cut, n) for cut, n in cuts if cut.stop > cut.start]
