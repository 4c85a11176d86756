"""The text decoder: Llama 3 blocks, and between them blocks that attend to images through gates.

Source: Meta's llama-models (`llama3/reference_impl/multimodal`): a token that sees no image gets nothing from a
cross-attention block, neither from its attention nor from its MLP. Names and shapes follow the hub checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from mlxvision.families.mllama.cache import MllamaCache, Shown
from mlxvision.families.mllama.config import IMAGE_ROWS, RopeConfig, TextConfig
from mlxvision.nn import KVCache
from mlxvision.nn.decoder import MLP, Attention, Mask, split_heads, text_mask


def rope_wavelengths(config: RopeConfig, head_dim: int) -> mx.array:
    """(E / 2,) positions per radian; long waves are stretched as Llama 3.1 does, in float32 as it was trained."""
    wavelength = np.float32(config.theta) ** (np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim))
    scaling = config.scaling
    if scaling is None:
        return mx.array(wavelength)
    turns = np.float32(scaling.original_max_position_embeddings / (2 * math.pi)) / wavelength
    smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    smooth = np.clip(smooth, 0, 1).astype(np.float32)
    return mx.array((1 / ((1 - smooth) / (scaling.factor * wavelength) + smooth / wavelength)).astype(np.float32))


def _sizes(config: TextConfig) -> tuple[int, int, int, int]:
    return config.hidden_size, config.head_dim, config.num_attention_heads, config.num_key_value_heads


class SelfAttention(Attention):
    def __init__(self, config: TextConfig) -> None:
        super().__init__(*_sizes(config))
        self._wavelengths = rope_wavelengths(config.rope, config.head_dim)

    def __call__(self, x: mx.array, mask: Mask, position: int | mx.array, cache: KVCache) -> mx.array:
        """x: (B, L, D); position: of the first of its tokens, of all or (B,) of each -> (B, L, D)"""
        q = self._rotate(split_heads(self.q_proj(x), self.n_heads), position)
        k = self._rotate(split_heads(self.k_proj(x), self.n_kv_heads), position)
        v = split_heads(self.v_proj(x), self.n_kv_heads)
        return self.project_out(self.recall(q, k, v, mask, cache))

    def _rotate(self, x: mx.array, position: int | mx.array) -> mx.array:
        E = x.shape[-1]
        return mx.fast.rope(x, E, traditional=False, base=None, scale=1.0, offset=position, freqs=self._wavelengths)


class CrossAttention(Attention):
    def __init__(self, config: TextConfig) -> None:
        super().__init__(*_sizes(config))
        self.q_norm = nn.RMSNorm(config.head_dim, config.rms_norm_eps)
        self.k_norm = nn.RMSNorm(config.head_dim, config.rms_norm_eps)

    def project(self, features: mx.array) -> tuple[mx.array, mx.array]:
        """features: (1, N, D) of an image -> its keys and values, each (1, H, N, E)."""
        keys = self.k_norm(split_heads(self.k_proj(features), self.n_kv_heads))
        return keys, split_heads(self.v_proj(features), self.n_kv_heads)

    def __call__(self, x: mx.array, sights: Sequence[tuple[Shown, mx.array]], number: int) -> mx.array:
        """x: (B, L, D); sights: as from `MllamaCache.look`; number: of this layer among its kind -> (B, L, D)"""
        q = self.q_norm(split_heads(self.q_proj(x), self.n_heads))
        return self.project_out(mx.concatenate([self._see(q[s.rows], s, visible, number) for s, visible in sights]))

    def _see(self, q: mx.array, shown: Shown, visible: mx.array, number: int) -> mx.array:
        """q: (n, H, L, E); visible: (n, L, N) -> (n, H, L, E)"""
        if not shown.keys:
            return mx.zeros_like(q)
        n, H, L, E = q.shape
        # Sequences with the same images are as one long sequence here, for no token attends to another.
        q = q.transpose(1, 0, 2, 3).reshape(1, H, n * L, E)
        visible = visible.reshape(1, 1, n * L, -1)
        seen = self.attend(q, shown.keys[number], shown.values[number], visible)
        return seen.reshape(H, n, L, E).transpose(1, 0, 2, 3)


class SelfBlock(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config)
        self.mlp = MLP(config.hidden_size, config.intermediate_size)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def __call__(self, x: mx.array, mask: Mask, position: int | mx.array, cache: KVCache) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), mask, position, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class CrossBlock(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.cross_attn = CrossAttention(config)
        self.mlp = MLP(config.hidden_size, config.intermediate_size)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.cross_attn_attn_gate = mx.zeros(1)
        self.cross_attn_mlp_gate = mx.zeros(1)

    def __call__(self, x: mx.array, sights: Sequence[tuple[Shown, mx.array]], number: int, sees: mx.array) -> mx.array:
        """x: (B, L, D); sights, number: as in `CrossAttention`; sees: (B, L, 1), anything at all -> (B, L, D)"""
        # A row that sees nothing has no defined attention, so its result is replaced rather than multiplied by zero.
        attention = self.cross_attn(self.input_layernorm(x), sights, number)
        x = x + mx.tanh(self.cross_attn_attn_gate) * mx.where(sees, attention, 0)
        mlp = self.mlp(self.post_attention_layernorm(x))
        return x + mx.tanh(self.cross_attn_mlp_gate) * mx.where(sees, mlp, 0)


class Decoder(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size + IMAGE_ROWS, config.hidden_size)
        self.layers = [
            CrossBlock(config) if i in config.cross_attention_layers else SelfBlock(config)
            for i in range(config.num_hidden_layers)
        ]
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def __call__(self, tokens: mx.array, cache: MllamaCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D)"""
        mask, position = text_mask(tokens.shape[1], cache.offset, cache.padding), cache.position
        sights = cache.look(tokens)
        sees = mx.concatenate([visible.any(axis=-1, keepdims=True) for _, visible in sights]) if sights else None
        text, numbers = iter(cache.text), count()
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            if isinstance(layer, SelfBlock):
                x = layer(x, mask, position, next(text))
            elif sees is not None:
                x = layer(x, sights, next(numbers), sees)
        return self.norm(x)


class LanguageModel(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
