"""A quantized layer says the same of many rows as of one, whichever way they are multiplied."""

import mlx.core as mx
import mlx.nn as nn
import pytest

from mlxvision.nn.linear import QuantizedLinear

KINDS = [(6, 64, "affine"), (4, 32, "affine"), (4, 32, "mxfp4"), (8, 32, "mxfp8"), (4, 16, "nvfp4")]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("bits", "group_size", "mode"), KINDS, ids=str)
def test_many_rows_and_each_alone(bits, group_size, mode, bias):
    mx.random.seed(0)
    plain = nn.Linear(128, 96, bias=bias)
    layer = QuantizedLinear(128, 96, bias, group_size, bits, mode)
    layer.update(nn.QuantizedLinear.from_linear(plain, group_size, bits, mode).parameters())
    x = mx.random.normal((3, 50, 128))
    alone = mx.stack([layer(row) for row in x.reshape(150, 1, 128)]).reshape(3, 50, 96)
    assert layer(x).shape == (3, 50, 96)
    assert mx.abs(layer(x) - alone).max().item() < 1e-5 * mx.abs(alone).max().item()


def test_weights_that_come_later_count():
    layer, x = QuantizedLinear(64, 32), mx.ones((2, 64))
    assert layer(x).any()
    layer.weight = mx.zeros_like(layer.weight)
    assert mx.abs(layer(x) - layer(x[:1])).max().item() < 1e-5
