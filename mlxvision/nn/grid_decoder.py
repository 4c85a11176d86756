"""A decoder for which images are grids of tokens: its rotary embeddings turn with three positions at once.

Source: the decoders of the families that use it, in transformers 5.23. Names and shapes follow the hub checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import mlx.core as mx
import mlx.nn as nn

from mlxvision.nn.cache import KVCache
from mlxvision.nn.decoder import MLP, Attention, Mask, split_heads, text_mask
from mlxvision.nn.grid_cache import GridCache
from mlxvision.nn.rope import Turn, frequencies, rotate, turn_by


@dataclass(frozen=True, slots=True)
class GridTextConfig:
    """mrope_section: how many of a head's frequencies turn with the time, the row and the column of a token."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    mrope_section: tuple[int, ...]
    tie_word_embeddings: bool


class GridAttention(Attention):
    def __init__(self, config: GridTextConfig) -> None:
        H, K = config.num_attention_heads, config.num_key_value_heads
        super().__init__(config.hidden_size, config.head_dim, H, K, bias=True)

    def __call__(self, x: mx.array, turn: Turn, mask: Mask, cache: KVCache) -> mx.array:
        """x: (B, L, D) -> (B, L, D)"""
        q = rotate(split_heads(self.q_proj(x), self.n_heads), turn)
        k = rotate(split_heads(self.k_proj(x), self.n_kv_heads), turn)
        v = split_heads(self.v_proj(x), self.n_kv_heads)
        return self.project_out(self.recall(q, k, v, mask, cache))


class Block(nn.Module):
    def __init__(self, config: GridTextConfig, attention: nn.Module) -> None:
        super().__init__()
        self.self_attn = attention
        self.mlp = MLP(config.hidden_size, config.intermediate_size)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def __call__(self, x: mx.array, turn: Turn, mask: Mask, cache: KVCache) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), turn, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class GridDecoder(nn.Module):
    def __init__(self, config: GridTextConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = [Block(config, GridAttention(config)) for _ in range(config.num_hidden_layers)]
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self._frequencies = frequencies(config.rope_theta, config.head_dim)
        self._sections = list(pairwise(accumulate(config.mrope_section, initial=0)))

    def __call__(self, tokens: mx.array, cache: GridCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D)"""
        mask = text_mask(tokens.shape[1], cache.offset, cache.padding)
        positions, pieces = cache.place(tokens)
        turn = self.turn(positions)
        x = self.embed_tokens(tokens)
        for piece in pieces:
            x[piece.row, piece.start : piece.start + len(piece.features)] = piece.features
        for layer, memory in zip(self.layers, cache.layers, strict=True):
            x = layer(x, turn, mask, memory)
        return self.norm(x)

    def turn(self, positions: mx.array) -> Turn:
        """positions: (3, B, L). The first frequencies turn with the time, the next with the row, then the column."""
        angles = positions[..., None] * self._frequencies
        parts = [angles[i, ..., start:stop] for i, (start, stop) in enumerate(self._sections)]
        return turn_by(mx.concatenate(parts, axis=-1)[:, None])
