"""Bytes of weights that a net reads for a token, counted where it takes them from its modules; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import mlx.core as mx
import mlx.nn as nn

from mlxvision.families.mllama import FAMILY
from mlxvision.families.mllama.cache import MllamaCache, MllamaImage
from mlxvision.families.mllama.config import Config
from mlxvision.families.mllama.model import Mllama


def seeing_ratio(config: Config) -> float:
    """What is read for a token after an image, over what text alone takes: no time can have a lower ratio for long."""
    net = FAMILY.build(config)
    text_only, seeing = net.make_cache(), net.make_cache()
    one_token = mx.zeros((1, config.text.num_key_value_heads, 1, config.text.head_dim))
    tensors = (one_token,) * len(config.text.cross_attention_layers)
    seeing.add_image(MllamaImage(tensors, tensors))
    seeing.look(mx.array([[FAMILY.image_token(config)]]))
    return weight_bytes(net, seeing) / weight_bytes(net, text_only)


def weight_bytes(net: Mllama, cache: MllamaCache) -> int:
    """For the next token. A table of embeddings gives one row, which is not counted."""
    taken: dict[tuple[int, str], int] = {}

    def noting(inner: Callable[[nn.Module, str], object]) -> Callable[[nn.Module, str], object]:
        def take(module: nn.Module, name: str) -> object:
            value = inner(module, name)
            if isinstance(value, mx.array) and not isinstance(module, nn.Embedding):
                taken[id(module), name] = value.nbytes
            return value

        return take

    by_name = patch.object(nn.Module, "__getattr__", noting(nn.Module.__getattr__))
    by_key = patch.object(nn.Module, "__getitem__", noting(dict.__getitem__), create=True)
    with by_name, by_key:
        net.logits(net.hidden(mx.array([[0]]), cache))
    return sum(taken.values())
