"""What a Qwen3-VL checkpoint states of itself.

Source: config.json and preprocessor_config.json of Qwen/Qwen3-VL-4B-Instruct, and the same files as later versions of
transformers write them (`rope_parameters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

from mlxvision.keys import Keys
from mlxvision.nn.grid_config import GridConfig, read_decoder, read_grid
from mlxvision.nn.grid_decoder import GridTextConfig
from mlxvision.nn.grid_input import CHANNELS


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """out_hidden_size: of the features that leave the tower, so of the decoder.

    num_position_embeddings: of a square table, which is stretched over every picture.
    deepstack_visual_indexes: the blocks whose states, merged too, go to the first blocks of the decoder.
    """

    depth: int
    hidden_size: int
    intermediate_size: int
    out_hidden_size: int
    num_heads: int
    num_position_embeddings: int
    patch_size: int
    spatial_merge_size: int
    temporal_patch_size: int
    deepstack_visual_indexes: tuple[int, ...]

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def n_levels(self) -> int:
        """How many features an image token has: one in place of an embedding, the others to be added later."""
        return 1 + len(self.deepstack_visual_indexes)


Config = GridConfig[VisionConfig]


def read_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> Config:
    """Raises: ModelFormatError naming the key that is missing or implausible."""
    top = Keys(config)
    text, vision = _read_text(top), _read_vision(top.inner("vision_config"))
    if vision.out_hidden_size != text.hidden_size:
        raise top.inner("vision_config").fail("out_hidden_size")
    if vision.n_levels > 1 + text.num_hidden_layers:
        raise top.inner("vision_config").fail("deepstack_visual_indexes")
    return read_grid(top, text, vision, preprocessor)


def _read_vision(keys: Keys) -> VisionConfig:
    keys.only_if_stated("hidden_act", "gelu_pytorch_tanh")
    keys.only_if_stated("in_channels", CHANNELS)
    if "rope_parameters" in keys:
        keys.inner("rope_parameters").only_if_stated("rope_theta", 10000)
    depth = keys.integer("depth", high=1024)
    config = VisionConfig(
        depth=depth,
        hidden_size=keys.integer("hidden_size"),
        intermediate_size=keys.integer("intermediate_size"),
        out_hidden_size=keys.integer("out_hidden_size"),
        num_heads=keys.integer("num_heads"),
        num_position_embeddings=keys.integer("num_position_embeddings"),
        patch_size=keys.integer("patch_size", high=1024),
        spatial_merge_size=keys.integer("spatial_merge_size", high=8),
        temporal_patch_size=keys.integer("temporal_patch_size", high=8),
        deepstack_visual_indexes=keys.indices("deepstack_visual_indexes", depth),
    )
    if config.hidden_size % (4 * config.num_heads):
        raise keys.fail("num_heads")
    if isqrt(config.num_position_embeddings) ** 2 != config.num_position_embeddings:
        raise keys.fail("num_position_embeddings")
    return config


def _read_text(top: Keys) -> GridTextConfig:
    keys = top.inner("text_config")
    keys.only_if_stated("attention_bias", False)
    return read_decoder(top, keys, keys.integer("head_dim"), interleaved=True)
