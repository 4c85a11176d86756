"""What a Qwen2-VL checkpoint states of itself.

Source: config.json and preprocessor_config.json of Qwen/Qwen2-VL-7B-Instruct, and the same files as later versions of
transformers write them (`text_config`, `rope_parameters`, `size`; 4.44 wrote little of `vision_config`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxvision.keys import Keys
from mlxvision.nn.grid_config import GridConfig, read_grid, read_text
from mlxvision.nn.grid_input import CHANNELS

_LEFT_OUT = {
    "depth": 32,
    "embed_dim": 1280,
    "hidden_size": 3584,
    "mlp_ratio": 4,
    "num_heads": 16,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}
"""What transformers 4.44 did not write: where a value was that of its class."""


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """hidden_size: of the features that leave the tower, so of the decoder; the tower itself is embed_dim wide."""

    depth: int
    embed_dim: int
    hidden_size: int
    mlp_ratio: float
    num_heads: int
    patch_size: int
    spatial_merge_size: int
    temporal_patch_size: int

    @property
    def head_dim(self) -> int:
        return self.embed_dim // self.num_heads


Config = GridConfig[VisionConfig]


def read_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> Config:
    """Raises: ModelFormatError naming the key that is missing or implausible."""
    top = Keys(config)
    text, vision = read_text(top), _read_vision(_vision_keys(top))
    if vision.hidden_size != text.hidden_size:
        raise top.inner("vision_config").fail("hidden_size")
    return read_grid(top, text, vision, preprocessor)


def _vision_keys(top: Keys) -> Keys:
    """With what transformers left out; by the `model_type` it wrote, the first release being without one."""
    keys = top.inner("vision_config")
    return Keys({**_LEFT_OUT, **top.raw("vision_config")}, "vision_config.") if "model_type" in keys else keys


def _read_vision(keys: Keys) -> VisionConfig:
    keys.only_if_stated("hidden_act", "quick_gelu")
    for key in ("in_chans", "in_channels"):
        keys.only_if_stated(key, CHANNELS)
    if "rope_parameters" in keys:
        keys.inner("rope_parameters").only_if_stated("rope_theta", 10000)
    config = VisionConfig(
        depth=keys.integer("depth", high=1024),
        embed_dim=keys.integer("embed_dim"),
        hidden_size=keys.integer("hidden_size"),
        mlp_ratio=keys.number("mlp_ratio", 0.01, 100),
        num_heads=keys.integer("num_heads"),
        patch_size=keys.integer("patch_size", high=1024),
        spatial_merge_size=keys.integer("spatial_merge_size", high=8),
        temporal_patch_size=keys.integer("temporal_patch_size", high=8),
    )
    if config.embed_dim % (4 * config.num_heads):
        raise keys.fail("num_heads")
    if not int(config.embed_dim * config.mlp_ratio):
        raise keys.fail("mlp_ratio")
    return config
