"""What the decoders of all families have."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx
import mlx.nn as nn

Mask = mx.array | str | None


class MLP(nn.Module):
    """A gated one, D to F to D."""

    def __init__(self, D: int, F: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(D, F, bias=False)
        self.up_proj = nn.Linear(D, F, bias=False)
        self.down_proj = nn.Linear(F, D, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(nn.silu(self.gate_proj(x)) * self.up_proj(x))


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
