"""Shapes to measure with: a random checkpoint large enough for figures to mean something, and the released 11B's."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from mlxvision.families.mllama import FAMILY
from mlxvision.loading.manifest import digests_of, write_manifest
from tests.fakes.checkpoints import PREPROCESSOR, SPECIAL, TEXT, VISION, make_tokenizer

SIDE_PX = 224
_VOCABULARY = [*string.printable, *map(chr, range(0x4E00, 0x4E00 + 1942)), *SPECIAL]
_MIDSIZE_VISION = {
    "attention_heads": 16,
    "hidden_size": 512,
    "image_size": SIDE_PX,
    "intermediate_layers_indices": [1, 3, 6],
    "intermediate_size": 2048,
    "num_global_layers": 2,
    "num_hidden_layers": 8,
    "vision_output_dim": 4 * 512,
}
_MIDSIZE_TEXT = {
    "cross_attention_layers": [1, 4, 6],
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_attention_heads": 16,
    "num_hidden_layers": 8,
    "num_key_value_heads": 8,
    "vocab_size": len(_VOCABULARY),
}
_RELEASED_VISION = {
    "attention_heads": 16,
    "hidden_size": 1280,
    "image_size": 560,
    "intermediate_layers_indices": [3, 7, 15, 23, 30],
    "intermediate_size": 5120,
    "num_global_layers": 8,
    "num_hidden_layers": 32,
    "vision_output_dim": 7680,
}
_RELEASED_TEXT = {
    "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "num_attention_heads": 32,
    "num_hidden_layers": 40,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


def midsize_config() -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json and preprocessor_config.json"""
    return _config(_MIDSIZE_TEXT, _MIDSIZE_VISION)


def released_config() -> tuple[dict[str, Any], dict[str, Any]]:
    """Of Llama 3.2 Vision 11B."""
    return _config(_RELEASED_TEXT, _RELEASED_VISION)


def _config(text: dict[str, Any], vision: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    config = {
        "model_type": "mllama",
        "image_token_index": text["vocab_size"],
        "text_config": TEXT | text,
        "vision_config": VISION | vision,
    }
    return config, PREPROCESSOR | {"size": {"height": vision["image_size"], "width": vision["image_size"]}}


def make_midsize(directory: Path, seed: int = 0) -> Path:
    """A model directory in float32 with a manifest; gates are open, so that the image matters to every token."""
    config, preprocessor = midsize_config()
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (directory / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    make_tokenizer({token: number for number, token in enumerate(_VOCABULARY)}).save(str(directory / "tokenizer.json"))
    mx.random.seed(seed)
    net = FAMILY.build(FAMILY.read_config(config, preprocessor))
    weights = {
        path: mx.random.normal(x.shape) / x[0].size ** 0.5 if x.ndim > 1 else mx.ones(x.shape)
        for path, x in tree_flatten(net.parameters())
    }
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    write_manifest(directory, {path.name: digests_of(path)[0] for path in directory.iterdir()}, {})
    return directory
