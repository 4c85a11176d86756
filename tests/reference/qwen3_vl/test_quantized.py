"""The same rungs as the elder family's, climbed with this one's checkpoints."""

import mlx.nn as nn

from mlxvision.family import Model
from tests.reference.qwen2_vl.test_quantized import *  # noqa: F403


def test_the_whole_decoder_is_quantized(quantized: Model) -> None:
    modules = dict(quantized.net.model.language_model.named_modules())
    assert not [path for path, module in modules.items() if type(module) in (nn.Linear, nn.Embedding)]
