"""What a Qwen2.5-VL checkpoint states of itself.

Source: config.json and preprocessor_config.json of Qwen/Qwen2.5-VL-7B-Instruct, and the same files as later versions of
transformers write them (`text_config`, `rope_parameters`, `size`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxvision.keys import Keys
from mlxvision.nn.grid_config import GridConfig, read_grid, read_text
from mlxvision.nn.grid_input import CHANNELS


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """out_hidden_size: of the features that leave the tower, so of the decoder. window_size: a side, in pixels.

    fullatt_block_indexes: the blocks whose patches attend to all others; elsewhere only to those of their window.
    """

    depth: int
    hidden_size: int
    intermediate_size: int
    out_hidden_size: int
    num_heads: int
    patch_size: int
    spatial_merge_size: int
    temporal_patch_size: int
    window_size: int
    fullatt_block_indexes: tuple[int, ...]

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def window(self) -> int:
        """The side of a window in image tokens."""
        return self.window_size // self.spatial_merge_size // self.patch_size


Config = GridConfig[VisionConfig]


def read_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> Config:
    """Raises: ModelFormatError naming the key that is missing or implausible."""
    top = Keys(config)
    text, vision = read_text(top), _read_vision(top.inner("vision_config"))
    if vision.out_hidden_size != text.hidden_size:
        raise top.inner("vision_config").fail("out_hidden_size")
    return read_grid(top, text, vision, preprocessor)


def _read_vision(keys: Keys) -> VisionConfig:
    keys.only_if_stated("hidden_act", "silu")
    for key in ("in_chans", "in_channels"):
        keys.only_if_stated(key, CHANNELS)
    if "rope_parameters" in keys:
        keys.inner("rope_parameters").only_if_stated("rope_theta", 10000)
    depth = keys.integer("depth", high=1024)
    config = VisionConfig(
        depth=depth,
        hidden_size=keys.integer("hidden_size"),
        intermediate_size=keys.integer("intermediate_size"),
        out_hidden_size=keys.integer("out_hidden_size"),
        num_heads=keys.integer("num_heads"),
        patch_size=keys.integer("patch_size", high=1024),
        spatial_merge_size=keys.integer("spatial_merge_size", high=8),
        temporal_patch_size=keys.integer("temporal_patch_size", high=8),
        window_size=keys.integer("window_size"),
        fullatt_block_indexes=keys.indices("fullatt_block_indexes", depth),
    )
    if config.hidden_size % (4 * config.num_heads):
        raise keys.fail("num_heads")
    if not config.window:
        raise keys.fail("window_size")
    return config
