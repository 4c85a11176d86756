"""What random nets say, each of them shared by all who were launched together with this process."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_map

from mlxvision.families import find
from mlxvision.family import Family
from mlxvision.nn.decoder import KVBits, quantize_memory, share_out
from mlxvision.nn.sharing import Group, as_first_says, launched
from mlxvision.types import Image
from tests.fakes.checkpoints import PREPROCESSOR, TEXT, VISION
from tests.fakes.qwen import PREPROCESSOR as QWEN_PREPROCESSOR
from tests.fakes.qwen import TOKENS
from tests.families.qwen2_vl.tiny import TINY
from tests.families.qwen3_vl.tiny import TINY as TINY_3

_D = 128
_SIZES = {"hidden_size": _D, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
_QWEN = TINY.config_json | _SIZES | {"rope_scaling": {"type": "mrope", "mrope_section": [8, 4, 4]}}
_TEXT_3 = TINY_3.config_json["text_config"] | _SIZES | {"head_dim": 32}
_TEXT_3["rope_scaling"] = _TEXT_3["rope_scaling"] | {"mrope_section": [6, 5, 5]}
_PROMPT = [5, TOKENS["vision_start"], *[TOKENS["image_pad"]] * 10, 7, 3]
_CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any], list[int]]] = {
    "mllama": (
        {
            "model_type": "mllama",
            "image_token_index": 90,
            "text_config": TEXT | _SIZES | {"vocab_size": 90},
            "vision_config": VISION,
        },
        PREPROCESSOR,
        [5, 90, 7, 3],
    ),
    "qwen2_vl": (_QWEN | {"vision_config": TINY.vision | {"hidden_size": _D}}, QWEN_PREPROCESSOR, _PROMPT),
    "qwen3_vl": (
        TINY_3.config_json | {"text_config": _TEXT_3, "vision_config": TINY_3.vision | {"out_hidden_size": _D}},
        QWEN_PREPROCESSOR,
        _PROMPT,
    ),
}
KINDS: dict[str, tuple[int | None, KVBits | None]] = {
    "float32": (None, None),
    "4 bits": (4, None),
    "text remembered in 8 bits": (None, 8),
}
"""Bits of weights, and of what is remembered of text, if not all."""


def make(family_name: str) -> tuple[Family, Any, Any]:
    """The family, a config, and a net of it."""
    config_json, preprocessor, _ = _CONFIGS[family_name]
    family = find(family_name)
    config = family.read_config(config_json, preprocessor)
    return family, config, family.build(config)


def say(family_name: str, kind: str, group: Group | None) -> tuple[list[int], list[float]]:
    """Tokens that are drawn by chance, and the last logits."""
    bits, kv_bits = KINDS[kind]
    family, config, net = make(family_name)
    mx.random.seed(7)
    net.update(tree_map(lambda x: mx.random.normal(x.shape) * (0.2 if x.ndim > 1 else 1), net.parameters()))
    if bits:
        nn.quantize(net, 32, bits, class_predicate=lambda path, m: _is_quantized(path, m, family.is_tower))
    if group:
        share_out(net, group)
    if kv_bits:
        quantize_memory(net, kv_bits)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 21, 3), np.uint8)
    cache, tokens = net.make_cache(), _CONFIGS[family_name][2]
    cache.add_image(net.encode(family.preprocess(Image(pixels, "", 1, ""), config), lambda: None))
    said: list[int] = []
    while True:
        logits = net.logits(net.hidden(mx.array([tokens]), cache))[0, -1]
        logits = as_first_says(logits, group) if group else logits
        if len(said) == 24:
            return said, logits.tolist()
        tokens = [int(mx.random.categorical(logits, key=mx.random.key(len(said))).item())]
        said += tokens


def _is_quantized(path: str, module: nn.Module, is_tower: Callable[[str], bool]) -> bool:
    return isinstance(module, nn.Linear | nn.Embedding) and not is_tower(f"{path}.weight")


def say_all(group: Group | None) -> dict[str, tuple[list[int], list[float]]]:
    return {f"{name}, {kind}": say(name, kind, group) for name, kind in product(_CONFIGS, KINDS)}


if __name__ == "__main__":
    print(json.dumps(say_all(launched())))
