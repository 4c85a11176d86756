"""The vision tower: patches of one image attend to each other, then every square of them becomes one image token.

Source: `modeling_qwen2_vl.py` of transformers 5.23. Names and shapes follow the hub checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx
import mlx.nn as nn

from mlxvision.families.qwen2_vl.config import VisionConfig
from mlxvision.nn.attention import attend
from mlxvision.nn.grid_input import CHANNELS, GridInput
from mlxvision.nn.rope import Turn, frequencies, rotate, turn_by

_NORM_EPS = 1e-6
_ROPE_THETA = 10000.0


class PatchEmbed(nn.Module):
    """A kernel over frames of a film; a still image is the same frame over and over."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        kernel = (config.temporal_patch_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(CHANNELS, config.embed_dim, kernel, kernel, bias=False)

    def __call__(self, patches: mx.array) -> mx.array:
        """patches: (P, side, side, C) -> (P, D)"""
        D, T, *patch = self.proj.weight.shape
        frames = mx.broadcast_to(patches[:, None], (len(patches), T, *patch)).reshape(len(patches), -1)
        # A kernel that meets every pixel once is a matrix.
        return frames.astype(self.proj.weight.dtype) @ self.proj.weight.reshape(D, -1).T


class Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        D = config.embed_dim
        self.n_heads, self.scale = config.num_heads, config.head_dim**-0.5
        self.qkv = nn.Linear(D, 3 * D)
        self.proj = nn.Linear(D, D)

    def __call__(self, x: mx.array, turn: Turn) -> mx.array:
        """x: (P, D) -> (P, D)"""
        P, D = x.shape
        q, k, v = self.qkv(x).reshape(1, P, 3, self.n_heads, -1).transpose(2, 0, 3, 1, 4)
        out = attend(rotate(q, turn), rotate(k, turn), v, self.scale)
        return self.proj(out[0].transpose(1, 0, 2).reshape(P, D))


class MLP(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = int(config.embed_dim * config.mlp_ratio)
        self.fc1 = nn.Linear(config.embed_dim, width)
        self.fc2 = nn.Linear(width, config.embed_dim)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.fc1(x)
        return self.fc2(x * mx.sigmoid(1.702 * x))


class Block(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.embed_dim, _NORM_EPS)
        self.norm2 = nn.LayerNorm(config.embed_dim, _NORM_EPS)
        self.attn = Attention(config)
        self.mlp = MLP(config)

    def __call__(self, x: mx.array, turn: Turn) -> mx.array:
        x = x + self.attn(self.norm1(x), turn)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    """The patches of an image token, side by side, become one feature of the decoder's width."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.n_merged = config.spatial_merge_size**2
        D = config.embed_dim * self.n_merged
        self.ln_q = nn.LayerNorm(config.embed_dim, _NORM_EPS)
        self.mlp = [nn.Linear(D, D), nn.GELU(), nn.Linear(D, config.hidden_size)]

    def __call__(self, x: mx.array) -> mx.array:
        """x: (P, D) -> (N, D of the decoder)"""
        x = self.ln_q(x).reshape(len(x) // self.n_merged, -1)
        for step in self.mlp:
            x = step(x)
        return x


class VisionTower(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config)
        self.blocks = [Block(config) for _ in range(config.depth)]
        self.merger = Merger(config)
        self._frequencies = frequencies(_ROPE_THETA, config.head_dim // 2)

    def __call__(self, image: GridInput, each_step: Callable[[], None]) -> mx.array:
        """-> (N, D of the decoder), in reading order."""
        # Half of a head turns with the row of a patch, half with its column.
        rows, columns = mx.array(image.positions())[..., None] * self._frequencies
        turn = turn_by(mx.concatenate([rows, columns], axis=-1))
        x = self.patch_embed(mx.array(image.patches()))
        for block in self.blocks:
            x = block(x, turn)
            mx.eval(x)
            each_step()
        return self.merger(x)
