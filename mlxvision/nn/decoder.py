"""What the decoders of all families have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import mlx.core as mx
import mlx.nn as nn

from mlxvision.errors import UsageError
from mlxvision.nn.cache import KVCache
from mlxvision.nn.quantized import GROUP_SIZE, Mask, attend_quantized
from mlxvision.nn.sharing import Group, check_divisible, share_linear

KVBits = Literal[8, 4]
"""In which the keys and values of text can be held."""


class MLP(nn.Module):
    """A gated one, D to F to D."""

    def __init__(self, D: int, F: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(D, F, bias=False)
        self.up_proj = nn.Linear(D, F, bias=False)
        self.down_proj = nn.Linear(F, D, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(nn.silu(self.gate_proj(x)) * self.up_proj(x))

    def share(self, group: Group) -> None:
        """Keep this machine's part of F. Raises: UsageError"""
        self.gate_proj = share_linear(self.gate_proj, "all-to-sharded", group)
        self.up_proj = share_linear(self.up_proj, "all-to-sharded", group)
        self.down_proj = share_linear(self.down_proj, "sharded-to-all", group)


class Attention(nn.Module):
    """Into H heads of queries and fewer of keys and values, and out of them again; what is between differs."""

    def __init__(self, D: int, E: int, n_heads: int, n_kv_heads: int, bias: bool = False) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim, self.scale = n_heads, n_kv_heads, E, E**-0.5
        self.kv_bits: KVBits | None = None  # of what is remembered, if not all
        self.q_proj = nn.Linear(D, n_heads * E, bias)
        self.k_proj = nn.Linear(D, n_kv_heads * E, bias)
        self.v_proj = nn.Linear(D, n_kv_heads * E, bias)
        self.o_proj = nn.Linear(n_heads * E, D, bias=False)

    def attend(self, q: mx.array, k: mx.array, v: mx.array, mask: Mask) -> mx.array:
        """q: (B, H, L, E); k, v: (B, H, S, E) -> (B, H, L, E)"""
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)

    def recall(self, q: mx.array, k: mx.array, v: mx.array, mask: Mask, cache: KVCache) -> mx.array:
        """Remember the keys and values of the next tokens, and attend to all so far.

        q: (B, H, L, E); k, v: (B, K, L, E) -> (B, H, L, E)
        """
        if self.kv_bits is None:
            return self.attend(q, *cache.append(k, v), mask)
        return attend_quantized(q, *cache.append_quantized(k, v, self.kv_bits), self.scale, mask)

    def project_out(self, heads: mx.array) -> mx.array:
        """heads: (B, H, L, E) -> (B, L, D)"""
        B, _, L, _ = heads.shape
        return self.o_proj(heads.transpose(0, 2, 1, 3).reshape(B, L, -1))

    def share(self, group: Group) -> None:
        """Keep this machine's heads. Raises: UsageError"""
        check_divisible(self.n_heads, "heads", group)
        check_divisible(self.n_kv_heads, "key-value heads", group)
        self.n_heads, self.n_kv_heads = self.n_heads // group.size(), self.n_kv_heads // group.size()
        self.q_proj = share_linear(self.q_proj, "all-to-sharded", group)
        self.k_proj = share_linear(self.k_proj, "all-to-sharded", group)
        self.v_proj = share_linear(self.v_proj, "all-to-sharded", group)
        self.o_proj = share_linear(self.o_proj, "sharded-to-all", group)


def share_out(net: nn.Module, group: Group) -> None:
    """Make a whole net this machine's part of it. Raises: UsageError if it cannot be divided evenly"""
    for _, module in net.named_modules():
        if isinstance(module, Attention | MLP):
            module.share(group)


def quantize_memory(net: nn.Module, bits: KVBits) -> None:
    """Have a net remember text in few bits. Raises: UsageError if it cannot"""
    if bits not in get_args(KVBits):
        raise UsageError("cannot remember text in so many bits", bits, "Give 8 or 4")
    for _, module in net.named_modules():
        if isinstance(module, Attention):
            if module.head_dim % GROUP_SIZE:
                advice = "Leave --kv-bits out"
                raise UsageError(f"heads are not made of groups of {GROUP_SIZE} numbers", module.head_dim, advice)
            module.kv_bits = bits


def split_heads(x: mx.array, n_heads: int) -> mx.array:
    """x: (B, L, H * E) -> (B, H, L, E)"""
    B, L, _ = x.shape
    return x.reshape(B, L, n_heads, -1).transpose(0, 2, 1, 3)


def text_mask(L: int, offset: int, padding: Sequence[int]) -> Mask:
    """What each of the next L tokens may attend to among all offset + L: (B, 1, L, offset + L) where it matters.

    padding: of each sequence, on the left.
    """
    if not any(padding):
        return "causal" if L > 1 else None
    column = mx.arange(offset + L)[None, None, None]
    row = mx.arange(offset, offset + L)[None, None, :, None]
    first = mx.array(list(padding))[:, None, None, None]
    # Padding attends to padding, so that its rows stay finite.
    return mx.logical_and(column <= row, mx.logical_or(column >= first, row < first))
