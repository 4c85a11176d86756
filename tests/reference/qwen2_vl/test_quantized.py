"""A quantized model is the reference run on its own weights, dequantized."""

from __future__ import annotations

import copy
from dataclasses import replace

import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.family import Model
from tests.reference.qwen2_vl.measure import assert_close, cache_with, copy_weights, extend
from tests.reference.qwen2_vl.reference import RandomReference, Reference

pytestmark = pytest.mark.reference

GROUP_SIZE = 32


def quantizable(_path: str, module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.Embedding) and module.weight.shape[-1] % GROUP_SIZE == 0


@pytest.fixture(scope="module", params=[4, 8], ids="{} bits".format)
def quantized(model: Model, request: pytest.FixtureRequest) -> Model:
    """Everything that can be: the decoder, and whatever of the tower divides into groups."""
    net = model.family.build(model.config)
    net.load_weights(tree_flatten(model.net.module.parameters()))
    nn.quantize(net, GROUP_SIZE, request.param, class_predicate=quantizable)
    return replace(model, net=net)


@pytest.fixture(scope="module")
def dequantized(reference: RandomReference, quantized: Model) -> Reference:
    """The reference with the weights that the quantized model stands for."""
    plain = copy.deepcopy(reference.model)
    copy_weights(quantized.family, quantized.net, plain)
    return Reference(plain, reference.processor)


@pytest.mark.parametrize("name", ["no image", "wide", "two separated images"])
def test_logits_equal_the_reference_run_on_the_dequantized_weights(
    reference: RandomReference, quantized: Model, dequantized: Reference, name: str
) -> None:
    row = reference.rows[name]
    expected = dequantized.logits(row.ids, row.pictures)
    assert_close(extend(quantized, row.ids, cache_with(quantized, row.pictures), 7), expected, 1e-4)
    assert np.abs(expected - reference.row_logits(name)).max() > 1e-3 * np.abs(expected).max()


def test_the_whole_decoder_is_quantized(quantized: Model) -> None:
    modules = dict(quantized.net.model.named_modules())
    assert not [path for path, module in modules.items() if type(module) in (nn.Linear, nn.Embedding)]
