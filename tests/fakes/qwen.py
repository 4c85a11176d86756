"""A tiny checkpoint of fixed random numbers, of any family whose images become tokens of the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import tokenizers
from mlx.utils import tree_flatten
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from mlxvision.family import Family, Model
from mlxvision.text import Tokenizer
from mlxvision.types import Image

SPECIAL = ("endoftext", "im_start", "im_end", "vision_start", "vision_end", "image_pad")
FIRST_SPECIAL = 258
TOKENS = {name: FIRST_SPECIAL + i for i, name in enumerate(SPECIAL)}

TEXT: dict[str, Any] = {
    "hidden_act": "silu",
    "vocab_size": FIRST_SPECIAL + len(SPECIAL),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "intermediate_size": 20,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-4,
    "rope_theta": 10000.0,
    "rope_scaling": {"type": "mrope", "mrope_section": [2, 1, 1]},
    "use_sliding_window": False,
    "tie_word_embeddings": False,
    "image_token_id": TOKENS["image_pad"],
    "vision_start_token_id": TOKENS["vision_start"],
}
"""What stands at the top of config.json, as the original repositories write it."""

PREPROCESSOR: dict[str, Any] = {
    "min_pixels": 64,
    "max_pixels": 1024,
    "patch_size": 2,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
}

PICTURES = {"wide": (10, 33), "tall": (27, 9), "dot": (1, 2)}
"""(height, width) in pixels."""

PROMPTS: dict[str, tuple[int | str, ...]] = {
    "no image": (3, 1, 4, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32, 38, 4, 6, 2, 6, 4, 33, 8, 3),
    "text before the image": (1, 5, 2, "wide", 30, 12, 7, 4),
    "three images": (1, "tall", "dot", 11, "wide", 29),
}


@dataclass(frozen=True)
class Tiny:
    """A family, and the vision_config of its tiny checkpoint."""

    family: Family
    vision: dict[str, Any]

    @property
    def config_json(self) -> dict[str, Any]:
        return {"model_type": self.family.name, **TEXT, "vision_config": self.vision}

    @cached_property
    def config(self) -> Any:
        return self.family.read_config(self.config_json, PREPROCESSOR)

    @cached_property
    def net(self) -> Any:
        """Norms off one and biases off zero, each differently."""
        net: Any = self.family.build(self.config)
        random = np.random.RandomState(0)  # frozen by numpy's promise, unlike newer generators
        weights = []
        for path, parameter in sorted(tree_flatten(net.parameters())):
            noise = random.standard_normal(parameter.shape)
            scale = 0.4 if parameter.ndim == 1 or "embed_tokens" in path else 1.2 / np.sqrt(noise[0].size)
            offset = 1 if parameter.ndim == 1 and path.endswith("weight") else 0
            weights.append((path, mx.array((noise * scale + offset).astype(np.float32))))
        net.load_weights(weights)
        return net

    @cached_property
    def model(self) -> Model:
        return Model("tiny", "0", self.family, self.config, self.net, tokenizer())

    def write(self, directory: Path, says: str = "!", **config: Any) -> Path:
        """A model directory. says: the one token of its greedy answers, where the head is not tied.

        config: changes to config.json.
        """
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps({**self.config_json, **config}), encoding="utf-8")
        (directory / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR), encoding="utf-8")
        _inner_tokenizer(says).save(str(directory / "tokenizer.json"))
        weights = dict(tree_flatten(self.net.parameters()))
        head = weights.pop("lm_head.weight")
        if not config.get("tie_word_embeddings"):
            weights["lm_head.weight"] = mx.zeros_like(head)
        mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
        return directory

    def prepare(self, name: str) -> Any:
        return self.family.preprocess(picture(name), self.config)

    def prompt(self, name: str) -> tuple[list[int], list[str]]:
        """The token ids, and the names of the pictures in their order."""
        ids: list[int] = []
        for part in PROMPTS[name]:
            if isinstance(part, str):
                image = [TOKENS["image_pad"]] * self.prepare(part).receipt.tiles
                ids += [TOKENS["vision_start"], *image, TOKENS["vision_end"]]
            else:
                ids.append(part)
        return ids, [part for part in PROMPTS[name] if isinstance(part, str)]


def pixels(name: str) -> np.ndarray:
    height, width = PICTURES[name]
    return np.random.RandomState(height).randint(0, 256, (height, width, 3)).astype(np.uint8)


def picture(name: str) -> Image:
    return Image(pixels(name), name, 1, name)


def tokenizer() -> Tokenizer:
    return Tokenizer(_inner_tokenizer("!"), Path("tokenizer.json"))


def _inner_tokenizer(first: str) -> tokenizers.Tokenizer:
    """Bytes, pairs and triples of newlines, and Qwen's special tokens. first: what stands for the first byte, "!"."""
    bytes_ = [first.replace(" ", "Ġ"), *sorted(pre_tokenizers.ByteLevel.alphabet())[1:]]
    vocabulary = {c: i for i, c in enumerate([*bytes_, "ĊĊ", "ĊĊĊ"])}
    inner = tokenizers.Tokenizer(models.BPE(vocabulary, [("Ċ", "Ċ"), ("ĊĊ", "Ċ")]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(f"<|{name}|>", special=True, normalized=False) for name in SPECIAL])
    return inner
