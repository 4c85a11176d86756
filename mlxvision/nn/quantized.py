"""Keys and values of text in few bits: a fraction of the memory, and answers that are near the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx

GROUP_SIZE = 32
"""Numbers of a head that share a scale and a bias."""

Mask = mx.array | str | None


@dataclass(frozen=True, slots=True, eq=False)
class Quantized:
    """Of (B, H, S, E). parts: weights, scales and biases, (B, H, S, …) each."""

    parts: Sequence[mx.array]
    bits: int

    def dequantize(self) -> mx.array:
        return mx.dequantize(*self.parts, group_size=GROUP_SIZE, bits=self.bits)

    def multiply(self, x: mx.array, *, transpose: bool) -> mx.array:
        """x: (B, H, L, E) -> (B, H, L, S), or from there back if not transposed."""
        return mx.quantized_matmul(x, *self.parts, transpose=transpose, group_size=GROUP_SIZE, bits=self.bits)


def quantize(x: mx.array, bits: int) -> Sequence[mx.array]:
    return mx.quantize(x, GROUP_SIZE, bits)


def share_of_16_bit(bits: int) -> float:
    """What is taken of the memory of numbers in 16 bit; a scale and a bias are such numbers."""
    return bits / 16 + 2 / GROUP_SIZE


def attend_quantized(q: mx.array, k: Quantized, v: Quantized, scale: float, mask: Mask) -> mx.array:
    """q: (B, H, L, E); k, v: of (B, K, S, E) -> (B, H, L, E)"""
    B, _, L, E = q.shape
    if L > 1:  # one layer's keys and values take less memory than scores of many tokens would
        k_plain, v_plain = k.dequantize(), v.dequantize()
        return mx.fast.scaled_dot_product_attention(q, k_plain, v_plain, scale=scale, mask=mask)
    n_kv_heads = k.parts[0].shape[1]
    scores = k.multiply((scale * q).reshape(B, n_kv_heads, -1, E), transpose=True)
    if isinstance(mask, mx.array):
        scores = mx.where(mask, scores, -mx.inf)
    return v.multiply(mx.softmax(scores, axis=-1, precise=True), transpose=False).reshape(q.shape)
