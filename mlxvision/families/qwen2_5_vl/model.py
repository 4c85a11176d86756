"""Qwen2.5-VL: tower and decoder."""

from __future__ import annotations

from mlxvision.families.qwen2_5_vl.config import Config
from mlxvision.families.qwen2_5_vl.vision import VisionTower
from mlxvision.nn.grid_net import GridNet


def build(config: Config) -> GridNet:
    return GridNet(VisionTower(config.vision), config.text, config.image_token_id, config.vision_start_token_id)


def request_bytes(config: Config, images: int, tokens: int) -> int:
    """Bytes in 16-bit of the cache, of images of the largest size, and of the largest activations of the tower."""
    text, vision = config.text, config.vision
    image_tokens = images * config.max_image_tokens
    width = 2 * text.num_key_value_heads * text.head_dim  # keys and values
    cache = (tokens + image_tokens) * width * text.num_hidden_layers
    patch = 2 * vision.temporal_patch_size * 3 * vision.patch_size**2  # float32
    states = patch + 6 * vision.hidden_size + 3 * vision.intermediate_size
    n_patches = config.max_image_tokens * vision.spatial_merge_size**2 if images else 0
    return 2 * (cache + image_tokens * text.hidden_size + n_patches * states)
