"""The decoder: Qwen3 blocks whose rotary embeddings turn with three positions at once, the first of them fed by images.

Source: `modeling_qwen3_vl.py` of transformers 5.23. Names and shapes follow the hub checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.nn.cache import KVCache
from mlxvision.nn.decoder import Attention, Mask, split_heads, text_mask
from mlxvision.nn.grid_cache import GridCache
from mlxvision.nn.grid_decoder import Block, GridTextConfig
from mlxvision.nn.rope import Turn, frequencies, rotate, turn_by


class NormedAttention(Attention):
    def __init__(self, config: GridTextConfig) -> None:
        E = config.head_dim
        super().__init__(config.hidden_size, E, config.num_attention_heads, config.num_key_value_heads)
        self.q_norm = nn.RMSNorm(E, config.rms_norm_eps)
        self.k_norm = nn.RMSNorm(E, config.rms_norm_eps)

    def __call__(self, x: mx.array, turn: Turn, mask: Mask, cache: KVCache) -> mx.array:
        """x: (B, L, D) -> (B, L, D)"""
        q = rotate(self.q_norm(split_heads(self.q_proj(x), self.n_heads)), turn)
        k = rotate(self.k_norm(split_heads(self.k_proj(x), self.n_kv_heads)), turn)
        v = split_heads(self.v_proj(x), self.n_kv_heads)
        return self.project_out(self.recall(q, k, v, mask, cache))


class Decoder(nn.Module):
    def __init__(self, config: GridTextConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = [Block(config, NormedAttention(config)) for _ in range(config.num_hidden_layers)]
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self._frequencies = frequencies(config.rope_theta, config.head_dim)
        self._parts = parts_of_frequencies(config.mrope_section, config.head_dim // 2)

    def __call__(self, tokens: mx.array, cache: GridCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D). The features of images are (n, levels, D)."""
        mask = text_mask(tokens.shape[1], cache.offset, cache.padding)
        positions, pieces = cache.place(tokens)
        turn = self.turn(positions)
        x = self.embed_tokens(tokens)
        for piece in pieces:
            x[piece.row, piece.start : piece.start + len(piece.features)] = piece.features[:, 0]
        for level, (layer, memory) in enumerate(zip(self.layers, cache.layers, strict=True), start=1):
            x = layer(x, turn, mask, memory)
            for piece in pieces:
                if level < piece.features.shape[1]:
                    x[piece.row, piece.start : piece.start + len(piece.features)] += piece.features[:, level]
        return self.norm(x)

    def turn(self, positions: mx.array) -> Turn:
        """positions: (3, B, L)"""
        return turn_by(mx.moveaxis(positions[self._parts], 0, -1)[:, None] * self._frequencies)


def parts_of_frequencies(sections: Sequence[int], n: int) -> mx.array:
    """(n,): whether a frequency turns with the time, the row or the column: by turns, while row and column last."""
    parts = np.zeros(n, np.int32)
    for part in (1, 2):
        parts[part : 3 * sections[part] : 3] = part
    return mx.array(parts)
