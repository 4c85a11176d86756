"""A tiny checkpoint of fixed random numbers, with the config as the original repositories write it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import tokenizers
from mlx.utils import tree_flatten
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from mlxvision.families.mllama import FAMILY
from mlxvision.families.mllama.config import Config
from mlxvision.families.mllama.model import Mllama
from mlxvision.families.mllama.preprocess import MllamaInput
from mlxvision.text import Tokenizer
from mlxvision.types import Image

IMAGE_TOKEN = 40

CONFIG: dict[str, Any] = {
    "model_type": "mllama",
    "image_token_index": IMAGE_TOKEN,
    "text_config": {
        "hidden_act": "silu",
        "vocab_size": 40,
        "hidden_size": 24,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 20,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-4,
        "cross_attention_layers": [1, 4],
        "rope_theta": 10000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
        "tie_word_embeddings": False,
    },
    "vision_config": {
        "hidden_act": "gelu",
        "hidden_size": 12,
        "num_hidden_layers": 5,
        "num_global_layers": 2,
        "attention_heads": 3,
        "intermediate_size": 16,
        "num_channels": 3,
        "image_size": 12,
        "patch_size": 4,
        "max_num_tiles": 4,
        "norm_eps": 1e-3,
        "vision_output_dim": 36,
        "intermediate_layers_indices": [1, 3],
        "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
    },
}

PREPROCESSOR: dict[str, Any] = {
    "do_resize": True,
    "do_pad": True,
    "do_rescale": True,
    "do_normalize": True,
    "size": {"height": 12, "width": 12},
    "max_image_tiles": 4,
    "resample": 2,
    "rescale_factor": 1 / 255,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
}

PICTURES = {"two tiles": (10, 21), "three tiles": (34, 9)}
"""(height, width) in pixels."""

PROMPTS: dict[str, tuple[int | str, ...]] = {
    "no image": (3, 1, 4, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32, 38, 4, 6, 2, 6, 4, 33, 8, 3),
    "text before the image": (1, 5, 2, "two tiles", 30, 12, 7, 4),
    "two images": (1, "three tiles", "two tiles", 11, 29),
}


@cache
def config() -> Config:
    return FAMILY.read_config(CONFIG, PREPROCESSOR)


@cache
def net() -> Mllama:
    """Gates open and norms off one, each differently."""
    net = FAMILY.build(config())
    random = np.random.RandomState(0)  # frozen by numpy's promise, unlike newer generators
    weights = []
    for path, parameter in sorted(tree_flatten(net.parameters())):
        noise = random.standard_normal(parameter.shape)
        scale = 0.4 if parameter.ndim == 1 or "embed" in path else 1.2 / np.sqrt(noise[0].size)
        offset = 1 if "norm" in path and path.endswith("weight") else 0
        weights.append((path, mx.array((noise * scale + offset).astype(np.float32))))
    net.load_weights(weights)
    return net


def pixels(name: str) -> np.ndarray:
    height, width = PICTURES[name]
    return np.random.RandomState(height).randint(0, 256, (height, width, 3)).astype(np.uint8)


def prepare(name: str) -> MllamaInput:
    return FAMILY.preprocess(Image(pixels(name), name, 1, ""), config())


def prompt(name: str) -> tuple[list[int], list[str]]:
    """The token ids, and the names of the pictures in their order."""
    parts = PROMPTS[name]
    return [IMAGE_TOKEN if isinstance(p, str) else p for p in parts], [p for p in parts if isinstance(p, str)]


def tokenizer() -> Tokenizer:
    """Bytes, pairs and triples of newlines, and Llama 3's special tokens."""
    vocabulary = {c: i for i, c in enumerate([*sorted(pre_tokenizers.ByteLevel.alphabet()), "ĊĊ", "ĊĊĊ"])}
    inner = tokenizers.Tokenizer(models.BPE(vocabulary, [("Ċ", "Ċ"), ("ĊĊ", "Ċ")]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    names = ["begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eom_id", "eot_id", "image"]
    inner.add_special_tokens([AddedToken(f"<|{name}|>", special=True, normalized=False) for name in names])
    return Tokenizer(inner, Path("tokenizer.json"))
