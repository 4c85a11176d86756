"""The vision tower: patches of one image attend to each other, then every square of them becomes one image token.

So do the states that some of the blocks leave: an image token has several features, one for each of these levels.

Source: `modeling_qwen3_vl.py` of transformers 5.23. Names and shapes follow the hub checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import isqrt

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.families.qwen3_vl.config import VisionConfig
from mlxvision.nn.grid_input import CHANNELS, GridInput
from mlxvision.nn.rope import Turn, frequencies, rotate, turn_by

_NORM_EPS = 1e-6
_ROPE_THETA = 10000.0


class PatchEmbed(nn.Module):
    """A kernel over frames of a film; a still image is the same frame over and over."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        kernel = (config.temporal_patch_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(CHANNELS, config.hidden_size, kernel, kernel)

    def __call__(self, patches: mx.array) -> mx.array:
        """patches: (P, side, side, C) -> (P, D)"""
        D, T, *patch = self.proj.weight.shape
        frames = mx.broadcast_to(patches[:, None], (len(patches), T, *patch)).reshape(len(patches), -1)
        # A kernel that meets every pixel once is a matrix.
        return frames.astype(self.proj.weight.dtype) @ self.proj.weight.reshape(D, -1).T + self.proj.bias


class Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.n_heads, self.scale = config.num_heads, config.head_dim**-0.5
        self.qkv = nn.Linear(D, 3 * D)
        self.proj = nn.Linear(D, D)

    def __call__(self, x: mx.array, turn: Turn) -> mx.array:
        """x: (P, D) -> (P, D)"""
        P, D = x.shape
        q, k, v = self.qkv(x).reshape(1, P, 3, self.n_heads, -1).transpose(2, 0, 3, 1, 4)
        out = mx.fast.scaled_dot_product_attention(rotate(q, turn), rotate(k, turn), v, scale=self.scale)
        return self.proj(out[0].transpose(1, 0, 2).reshape(P, D))


class MLP(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.linear_fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.linear_fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        return self.linear_fc2(nn.gelu_approx(self.linear_fc1(x)))


class Block(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, _NORM_EPS)
        self.norm2 = nn.LayerNorm(config.hidden_size, _NORM_EPS)
        self.attn = Attention(config)
        self.mlp = MLP(config)

    def __call__(self, x: mx.array, turn: Turn) -> mx.array:
        x = x + self.attn(self.norm1(x), turn)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    """The patches of an image token, side by side, become one feature of the decoder's width.

    n_normed: how many of them are normalised together.
    """

    def __init__(self, config: VisionConfig, n_normed: int) -> None:
        super().__init__()
        self.width, self.normed = config.hidden_size * config.spatial_merge_size**2, config.hidden_size * n_normed
        self.norm = nn.LayerNorm(self.normed, _NORM_EPS)
        self.linear_fc1 = nn.Linear(self.width, self.width)
        self.linear_fc2 = nn.Linear(self.width, config.out_hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        """x: (P, D) -> (N, D of the decoder)"""
        x = self.norm(x.reshape(-1, self.normed)).reshape(-1, self.width)
        return self.linear_fc2(nn.gelu(self.linear_fc1(x)))


class VisionTower(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.pos_embed = nn.Embedding(config.num_position_embeddings, config.hidden_size)
        self.blocks = [Block(config) for _ in range(config.depth)]
        self.merger = Merger(config, 1)
        self.deepstack_merger_list = [
            Merger(config, config.spatial_merge_size**2) for _ in config.deepstack_visual_indexes
        ]
        self._side = isqrt(config.num_position_embeddings)
        self._frequencies = frequencies(_ROPE_THETA, config.head_dim // 2)

    def __call__(self, image: GridInput, each_step: Callable[[], None]) -> mx.array:
        """-> (N, levels, D of the decoder), in reading order."""
        # Half of a head turns with the row of a patch, half with its column.
        rows, columns = mx.array(image.positions())[..., None] * self._frequencies
        turn = turn_by(mx.concatenate([rows, columns], axis=-1))
        x = self.patch_embed(mx.array(image.patches()))
        x = x + self.placed(image).astype(x.dtype)
        mergers, features = dict(zip(self.config.deepstack_visual_indexes, self.deepstack_merger_list, strict=True)), []
        for i, block in enumerate(self.blocks):
            x = block(x, turn)
            if i in mergers:
                features.append(mergers[i](x))
            mx.eval(x, features)
            each_step()
        return mx.stack([self.merger(x), *features], axis=1)

    def placed(self, image: GridInput) -> mx.array:
        """(P, D): what the table, stretched over the picture so that corners meet corners, says of each patch."""
        sides = [n * image.merge for n in image.grid]
        rows, columns = (_between(at, n, self._side) for at, n in zip(image.positions(), sides, strict=True))
        corners = ((mx.array(r * self._side + c), mx.array(a * b)) for r, a in rows for c, b in columns)
        return reduce(mx.add, (self.pos_embed(places) * shares[:, None] for places, shares in corners))


def _between(at: np.ndarray, length: int, side: int) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    """Where patches lie on the side of a table: the two places around each, and with which share it has of them.

    at: (P,), of length patches.
    """
    places = at.astype(np.float32) * np.float32(side - 1) / np.float32(max(length - 1, 1))
    lower = np.floor(places).astype(int)
    share = places - lower.astype(np.float32)
    return (lower, 1 - share), (np.minimum(lower + 1, side - 1), share)
