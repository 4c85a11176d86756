"""The vision encoder: a local transformer over all tiles, then a gated global one.

Source: Meta's llama-models (`llama3/reference_impl/multimodal`) for the order of operations: intermediate states are
the INPUTS of the listed blocks. Names and shapes follow the hub checkpoint.

Only patches of real tiles leave the encoder, but in the model as trained they also attend to padding: rows that fill a
tile up to a multiple of eight, and whole empty tiles. Padding in turn attends to real patches only. With the real
patches moved to the front, this needs no mask: two attentions, one for each kind of row.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.families.mllama.config import VisionConfig
from mlxvision.families.mllama.preprocess import MllamaInput
from mlxvision.nn.attention import attend

_ROW_MULTIPLE = 8


class TileEmbedding(nn.Module):
    """A vector for each tile of each canvas arrangement."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.n_aspect_ratios + 1, config.max_num_tiles * config.hidden_size)
        self.gate = mx.zeros(1)

    def __call__(self, aspect_ratio_id: int, n_tiles: int) -> mx.array:
        """-> (T, D)"""
        return (mx.tanh(self.gate) * self.embedding(mx.array([aspect_ratio_id]))).reshape(n_tiles, -1)


class PositionEmbedding(nn.Module):
    """A vector for each patch, mixed by one gate with a vector for each patch of each tile."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        P, D = config.n_patches, config.hidden_size
        self.embedding = mx.zeros((P, D))
        self.tile_embedding = nn.Embedding(config.n_aspect_ratios + 1, config.max_num_tiles * P * D)
        self.gate = mx.zeros(1)

    def __call__(self, x: mx.array, aspect_ratio_id: int) -> mx.array:
        """x: (T, P, D) -> (T, P, D)"""
        gate = mx.tanh(self.gate)
        tile = self.tile_embedding(mx.array([aspect_ratio_id])).reshape(x.shape)
        return x + (1 - gate) * self.embedding + gate * tile


class Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.n_heads = config.attention_heads
        self.scale = (D // config.attention_heads) ** -0.5
        self.q_proj = nn.Linear(D, D, bias=False)
        self.k_proj = nn.Linear(D, D, bias=False)
        self.v_proj = nn.Linear(D, D, bias=False)
        self.o_proj = nn.Linear(D, D, bias=False)

    def __call__(self, x: mx.array, n_real: int) -> mx.array:
        """x: (B, N, D), its first n_real rows real patches and the others padding -> (B, N, D)"""
        B, N, D = x.shape
        q, k, v = (
            project(x).reshape(B, N, self.n_heads, -1).transpose(0, 2, 1, 3)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        real = attend(q[:, :, :n_real], k, v, self.scale)
        padding = attend(q[:, :, n_real:], k[:, :, :n_real], v[:, :, :n_real], self.scale)
        out = mx.concatenate([real, padding], axis=2)
        return self.o_proj(out.transpose(0, 2, 1, 3).reshape(B, N, D))


class MLP(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def __call__(self, x: mx.array) -> mx.array:
        return self.fc2(nn.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = nn.LayerNorm(config.hidden_size, config.norm_eps)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, config.norm_eps)

    def __call__(self, x: mx.array, n_real: int) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), n_real)
        return x + self.mlp(self.post_attention_layernorm(x))


class GatedBlock(Block):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__(config)
        self.gate_attn = mx.zeros(1)
        self.gate_ffn = mx.zeros(1)

    def __call__(self, x: mx.array, n_real: int) -> mx.array:
        x = x + mx.tanh(self.gate_attn) * self.self_attn(self.input_layernorm(x), n_real)
        return x + mx.tanh(self.gate_ffn) * self.mlp(self.post_attention_layernorm(x))


class Transformer(nn.Module):
    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.layers = blocks

    def __call__(
        self, x: mx.array, n_real: int, keep: tuple[int, ...], each_step: Callable[[], None]
    ) -> tuple[mx.array, list[mx.array]]:
        """x: (B, N, D) -> (B, N, D), and the real rows (B, n_real, D) as they enter the blocks named in keep."""
        kept = []
        for i, block in enumerate(self.layers):
            if i in keep:
                kept.append(x[:, :n_real])
            x = block(x, n_real)
            mx.eval(x, kept)
            each_step()
        return x, kept


class VisionModel(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.config = config
        self.class_embedding = mx.zeros(D)
        self.patch_embedding = nn.Conv2d(config.num_channels, D, config.patch_size, config.patch_size, bias=False)
        self.pre_tile_positional_embedding = TileEmbedding(config)
        self.gated_positional_embedding = PositionEmbedding(config)
        self.post_tile_positional_embedding = TileEmbedding(config)
        # These two keep the library's epsilon whatever norm_eps says, as the released model does.
        self.layernorm_pre = nn.LayerNorm(D, 1e-5)
        self.layernorm_post = nn.LayerNorm(D, 1e-5)
        self.transformer = Transformer([Block(config) for _ in range(config.num_hidden_layers)])
        self.global_transformer = Transformer([GatedBlock(config) for _ in range(config.num_global_layers)])

    def __call__(self, image: MllamaInput, each_step: Callable[[], None]) -> mx.array:
        """-> (N, D * (1 + kept states)): the final state of every patch of a real tile, then its kept states.

        The kept states are interleaved: channel 0 of each, channel 1 of each, and so on.
        """
        patches = self.embed(image)
        n_real = image.n_tiles * self.config.n_patches
        x, tile_of_row = _real_rows_first(patches)
        x, kept = self.transformer(x, n_real, self.config.intermediate_layers_indices, each_step)
        post_tile = self.post_tile_positional_embedding(image.aspect_ratio_id, self.config.max_num_tiles)
        x = self.layernorm_post(x) + post_tile[tile_of_row]
        x, _ = self.global_transformer(x, n_real, (), each_step)
        final = x[0, :n_real]
        return mx.concatenate([final, mx.stack(kept, axis=-1)[0].reshape(n_real, -1)], axis=-1) if kept else final

    def embed(self, image: MllamaInput) -> mx.array:
        """-> (T, P, D) for all tiles a canvas can have; the tiles that the image leaves empty are zero pixels."""
        dtype = self.class_embedding.dtype
        T, aspect_ratio_id = self.config.max_num_tiles, image.aspect_ratio_id
        tiles = image.tiles()
        pixels = np.zeros((T, *tiles.shape[1:]), np.float32)
        pixels[: image.n_tiles] = tiles
        x = self.patch_embedding(mx.array(pixels).astype(dtype)).flatten(1, 2)
        x = x + self.pre_tile_positional_embedding(aspect_ratio_id, T)[:, None]
        x = mx.concatenate([mx.broadcast_to(self.class_embedding, (T, 1, x.shape[-1])), x], axis=1)
        return self.layernorm_pre(self.gated_positional_embedding(x, aspect_ratio_id))


def _real_rows_first(x: mx.array) -> tuple[mx.array, mx.array]:
    """x: (T, P, D) -> (1, N, D) in the order real patches, padding; and the tile (N,) that every row belongs to."""
    T, P, D = x.shape
    fill = -P % _ROW_MULTIPLE
    zeros = mx.zeros((T * fill, D), x.dtype)
    rows = mx.concatenate([x.reshape(T * P, D), zeros])[None]
    tiles = np.concatenate([np.repeat(np.arange(T), P), np.repeat(np.arange(T), fill)])
    return rows, mx.array(tiles)
