"""Attention of very many tokens to each other."""

from __future__ import annotations

import mlx.core as mx

_ROWS = 512


def attend(q: mx.array, k: mx.array, v: mx.array, scale: float) -> mx.array:
    """q: (B, H, L, E); k, v: (B, H, S, E) -> (B, H, L, E), with no more than a few rows of scores in memory at once."""
    L = q.shape[2]
    rows = _ROWS if mx.default_device() == mx.Device(mx.cpu) else L  # the kernels of GPUs keep no scores at all
    parts = []
    for start in range(0, L, rows):
        parts.append(mx.fast.scaled_dot_product_attention(q[:, :, start : start + rows], k, v, scale=scale))
        if rows < L:
            mx.eval(parts)
    return mx.concatenate(parts, axis=2)
