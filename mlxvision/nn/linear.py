"""Products with quantized weights."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn

_SMALL_BYTES = 1 << 17


class QuantizedLinear(nn.QuantizedLinear):
    """As MLX's; on a CPU, where that works number by number, a small layer multiplies with floats, which it keeps.

    The BLAS of MLX's wheels takes half the time if the rows of the second factor lie whole in memory, as these do.
    """

    def __call__(self, x: mx.array) -> mx.array:
        """x: (..., D) -> (..., O)"""
        if self.weight.nbytes > _SMALL_BYTES or mx.default_device() != mx.Device(mx.cpu):
            return super().__call__(x)
        y = x @ self._floats()
        return y + self.bias if "bias" in self else y

    def _floats(self) -> mx.array:
        """(D, O), of the weights that are held now"""
        kept = getattr(self, "_kept", None)
        if kept is None or kept[0] is not self.weight:
            arrays = self.weight, self.scales, self.get("biases")
            weight = mx.dequantize(*arrays, group_size=self.group_size, bits=self.bits, mode=self.mode)
            kept = self._kept = self.weight, mx.contiguous(weight.T)
            mx.eval(kept)
        return kept[1]
