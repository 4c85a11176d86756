"""The growing keys and values of one self-attention layer."""

from __future__ import annotations

import copy

import mlx.core as mx

from mlxvision.nn.quantized import Quantized, quantize

_STEP = 256


class KVCache:
    """Keys and values of the tokens seen so far, in buffers that grow by steps so that appending does not copy.

    arrays: the buffers, keys first; (B, H, S, …) each.
    """

    def __init__(self) -> None:
        self.offset = 0
        self.arrays: list[mx.array] = []

    def append(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """keys, values: (B, H, L, E) -> all keys and values so far, each (B, H, offset, E)."""
        all_keys, all_values = self._extend([keys, values])
        return all_keys, all_values

    def append_quantized(self, keys: mx.array, values: mx.array, bits: int) -> tuple[Quantized, Quantized]:
        """keys, values: (B, H, L, E) -> all keys and values so far. A cache holds them either like this or plainly."""
        held = self._extend([*quantize(keys, bits), *quantize(values, bits)])
        return Quantized(held[:3], bits), Quantized(held[3:], bits)

    def _extend(self, new: list[mx.array]) -> list[mx.array]:
        start, self.offset = self.offset, self.offset + new[0].shape[2]
        buffers = self.arrays or [None] * len(new)
        self.arrays = [_write(buffer, x, start) for buffer, x in zip(buffers, new, strict=True)]
        return [x[:, :, : self.offset] for x in self.arrays]

    def trim(self, n_tokens: int) -> None:
        """Forget all but the first n_tokens; their room is kept."""
        self.offset = n_tokens

    def fork(self) -> KVCache:
        """A second cache of the same tokens; the buffers are copied only when one of the two goes on."""
        twin = copy.copy(self)
        # Appending changes an array object in place, so the two must not share it; its data they may.
        twin.arrays = [copy.copy(x) for x in self.arrays]
        return twin

    def keep(self, rows: mx.array, start: int) -> None:
        """Forget all sequences but these, and of these the tokens before start. rows: (b,) int"""
        self.arrays = [x[rows, :, start:] for x in self.arrays]
        self.offset -= start

    def join(self, other: KVCache) -> None:
        """Take over the sequences of another cache, behind one's own; all end at the same place."""
        pairs = zip(self.arrays, other.arrays, strict=True)
        self.arrays = [_stack((a, self.offset), (b, other.offset)) for a, b in pairs]
        self.offset = max(self.offset, other.offset)


def _write(buffer: mx.array | None, new: mx.array, start: int) -> mx.array:
    B, H, L, E = new.shape
    if buffer is None or start + L > buffer.shape[2]:
        room = mx.zeros((B, H, _to_steps(start + L) - start, E), new.dtype)
        buffer = room if buffer is None else mx.concatenate([buffer[:, :, :start], room], axis=2)
    buffer[:, :, start : start + L] = new
    return buffer


def _stack(*parts: tuple[mx.array, int]) -> mx.array:
    """Buffers with what they hold -> one for all their sequences, which begin with zeros where they are shorter."""
    end = max(held for _, held in parts)
    _, H, _, E = parts[0][0].shape
    stacked = mx.zeros((sum(x.shape[0] for x, _ in parts), H, _to_steps(end), E), parts[0][0].dtype)
    row = 0
    for x, held in parts:
        stacked[row : row + x.shape[0], :, end - held : end] = x[:, :, :held]
        row += x.shape[0]
    return stacked


def _to_steps(n_tokens: int) -> int:
    return -(-n_tokens // _STEP) * _STEP
