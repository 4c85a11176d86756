"""The text decoder: Qwen2 blocks whose rotary embeddings turn with three positions at once.

Source: `modeling_qwen2_vl.py` of transformers 5.23. Names and shapes follow the hub checkpoint.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import mlx.core as mx
import mlx.nn as nn

from mlxvision.families.qwen2_vl.config import TextConfig
from mlxvision.nn import GridCache, KVCache
from mlxvision.nn.rope import Turn, frequencies, rotate, turn_by

Mask = mx.array | str | None


class Attention(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        D, E = config.hidden_size, config.head_dim
        self.n_heads, self.n_kv_heads, self.scale = config.num_attention_heads, config.num_key_value_heads, E**-0.5
        self.q_proj = nn.Linear(D, self.n_heads * E)
        self.k_proj = nn.Linear(D, self.n_kv_heads * E)
        self.v_proj = nn.Linear(D, self.n_kv_heads * E)
        self.o_proj = nn.Linear(self.n_heads * E, D, bias=False)

    def __call__(self, x: mx.array, turn: Turn, mask: Mask, cache: KVCache) -> mx.array:
        """x: (B, L, D) -> (B, L, D)"""
        B, L, D = x.shape
        q = rotate(_split(self.q_proj(x), self.n_heads), turn)
        k = rotate(_split(self.k_proj(x), self.n_kv_heads), turn)
        k, v = cache.append(k, _split(self.v_proj(x), self.n_kv_heads))
        out = mx.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
        return self.o_proj(out.transpose(0, 2, 1, 3).reshape(B, L, D))


class MLP(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        D, F = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(D, F, bias=False)
        self.up_proj = nn.Linear(D, F, bias=False)
        self.down_proj = nn.Linear(F, D, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(nn.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def __call__(self, x: mx.array, turn: Turn, mask: Mask, cache: KVCache) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), turn, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = [Block(config) for _ in range(config.num_hidden_layers)]
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self._frequencies = frequencies(config.rope_theta, config.head_dim)
        self._sections = list(pairwise(accumulate(config.mrope_section, initial=0)))

    def __call__(self, tokens: mx.array, cache: GridCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D)"""
        mask = _mask(tokens.shape[1], cache)
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


def _split(x: mx.array, n_heads: int) -> mx.array:
    """x: (B, L, H * E) -> (B, H, L, E)"""
    B, L, _ = x.shape
    return x.reshape(B, L, n_heads, -1).transpose(0, 2, 1, 3)


def _mask(L: int, cache: GridCache) -> Mask:
    """What each of the next L tokens may attend to among all offset + L: (B, 1, L, offset + L) where it matters."""
    if not any(cache.padding):
        return "causal" if L > 1 else None
    column = mx.arange(cache.offset + L)[None, None, None]
    row = mx.arange(cache.offset, cache.offset + L)[None, None, :, None]
    padding = mx.array(cache.padding)[:, None, None, None]
    # Padding attends to padding, so that its rows stay finite.
    return mx.logical_and(column <= row, mx.logical_or(column >= padding, row < padding))
