"""Rotary position embeddings in two halves: channel i turns together with channel i + E / 2."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

Turn = tuple[mx.array, mx.array]
"""Cosine and sine of every token's angles, (..., L, E / 2) float32 each."""


def frequencies(theta: float, n_channels: int) -> mx.array:
    """(n_channels / 2,) radians per position. Powers are rounded once, so that far positions turn as in training."""
    exponents = np.arange(0, n_channels, 2, dtype=np.float32) / np.float32(n_channels)
    return mx.array(1 / (theta ** exponents.astype(np.float64)).astype(np.float32))


def turn_by(angles: mx.array) -> Turn:
    return mx.cos(angles), mx.sin(angles)


def rotate(x: mx.array, turn: Turn) -> mx.array:
    """x: (B, H, L, E) -> (B, H, L, E), computed in float32."""
    cos, sin = turn
    a, b = mx.split(x, 2, axis=-1)
    return mx.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1).astype(x.dtype)
