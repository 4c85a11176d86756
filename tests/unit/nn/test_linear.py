"""A quantized layer says what MLX's says, whichever way it multiplies."""

import mlx.core as mx
import mlx.nn as nn
import pytest

from mlxvision.nn.linear import QuantizedLinear

KINDS = [(6, 64, "affine"), (4, 32, "affine"), (4, 32, "mxfp4"), (8, 32, "mxfp8"), (4, 16, "nvfp4")]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("bits", "group_size", "mode"), KINDS, ids=str)
def test_it_says_what_mlx_says(bits, group_size, mode, bias):
    mx.random.seed(0)
    layer = QuantizedLinear(128, 96, bias, group_size, bits, mode)
    layer.update(nn.QuantizedLinear.from_linear(nn.Linear(128, 96, bias), group_size, bits, mode).parameters())
    x = mx.random.normal((3, 50, 128))
    expected = nn.QuantizedLinear.__call__(layer, x)
    assert layer(x).shape == (3, 50, 96)
    assert mx.abs(layer(x) - expected).max().item() < 1e-5 * mx.abs(expected).max().item()


def test_weights_that_come_later_count():
    layer, x = QuantizedLinear(64, 32), mx.ones((2, 64))
    assert layer(x).any()
    layer.weight = mx.zeros_like(layer.weight)
    assert mx.allclose(layer(x), nn.QuantizedLinear.__call__(layer, x), atol=1e-5)
