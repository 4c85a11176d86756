"""What a Qwen2.5-VL checkpoint states of itself.

Source: config.json and preprocessor_config.json of Qwen/Qwen2.5-VL-7B-Instruct, and the same files as later versions of
transformers write them (`text_config`, `rope_parameters`, `size`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxvision.errors import ModelFormatError
from mlxvision.keys import LARGEST, Keys
from mlxvision.nn.grid_decoder import GridTextConfig

CHANNELS = 3

_LARGEST_PICTURE_PX = 1 << 27
_ADVICE = "Use the config of the original repository"
_BICUBIC = 3


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
    def factor(self) -> int:
        """The side of the square of pixels that becomes one image token."""
        return self.patch_size * self.spatial_merge_size

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def window(self) -> int:
        """The side of a window in image tokens."""
        return self.window_size // self.spatial_merge_size // self.patch_size


@dataclass(frozen=True, slots=True)
class PreprocessConfig:
    """min_pixels, max_pixels: of a resized picture. mean and std: one for each colour channel."""

    min_pixels: int
    max_pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """image_token_id: stands once for every feature of an image. vision_start_token_id: once before each image."""

    image_token_id: int
    vision_start_token_id: int
    vision: VisionConfig
    text: GridTextConfig
    preprocess: PreprocessConfig

    @property
    def max_image_tokens(self) -> int:
        return self.preprocess.max_pixels // self.vision.factor**2


def read_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> Config:
    """Raises: ModelFormatError naming the key that is missing or implausible."""
    top = Keys(config, "")
    text = _read_text(top, top.inner("text_config") if "text_config" in top else top)
    vision = _read_vision(top.inner("vision_config"))
    if vision.out_hidden_size != text.hidden_size:
        raise top.inner("vision_config").fail("out_hidden_size")
    return Config(
        image_token_id=top.integer("image_token_id", 0, text.vocab_size - 1),
        vision_start_token_id=top.integer("vision_start_token_id", 0, text.vocab_size - 1),
        vision=vision,
        text=text,
        preprocess=_read_preprocess(Keys(preprocessor, "preprocessor_config: "), vision),
    )


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
        spatial_merge_size=keys.integer("spatial_merge_size", high=64),
        temporal_patch_size=keys.integer("temporal_patch_size", high=64),
        window_size=keys.integer("window_size"),
        fullatt_block_indexes=keys.integers("fullatt_block_indexes", depth),
    )
    if config.hidden_size % (4 * config.num_heads):
        raise keys.fail("num_heads")
    if not config.window:
        raise keys.fail("window_size")
    return config


def _read_text(top: Keys, keys: Keys) -> GridTextConfig:
    """keys: where the decoder is described, an object of its own or the top."""
    keys.only_if_stated("hidden_act", "silu")
    keys.only_if_stated("use_sliding_window", False)
    rope_theta, mrope_section = _read_rope(keys)
    config = GridTextConfig(
        vocab_size=keys.integer("vocab_size"),
        hidden_size=keys.integer("hidden_size"),
        num_hidden_layers=keys.integer("num_hidden_layers", high=1024),
        num_attention_heads=keys.integer("num_attention_heads"),
        num_key_value_heads=keys.integer("num_key_value_heads"),
        intermediate_size=keys.integer("intermediate_size"),
        max_position_embeddings=keys.integer("max_position_embeddings", high=1 << 30),
        rms_norm_eps=keys.number("rms_norm_eps"),
        rope_theta=rope_theta,
        mrope_section=mrope_section,
        tie_word_embeddings=_is_tied(top, keys),
    )
    if config.hidden_size % (2 * config.num_attention_heads):
        raise keys.fail("num_attention_heads")
    if config.num_attention_heads % config.num_key_value_heads:
        raise keys.fail("num_key_value_heads")
    if len(mrope_section) != 3 or 2 * sum(mrope_section) != config.head_dim:
        raise ModelFormatError("implausible value in the config", f"mrope_section = {list(mrope_section)}", _ADVICE)
    return config


def _is_tied(top: Keys, text: Keys) -> bool:
    """Either place may say so."""
    key = "tie_word_embeddings"
    stated = [keys.flag(key) for keys in (top, text) if key in keys]
    return any(stated) if stated else top.flag(key)


def _read_rope(text: Keys) -> tuple[float, tuple[int, ...]]:
    """Either `rope_theta` beside `rope_scaling` (as released), or both inside `rope_parameters` (transformers 5)."""
    keys = text.inner("rope_parameters" if "rope_parameters" in text else "rope_scaling")
    for kind in ("type", "rope_type"):
        keys.only_if_stated(kind, "mrope", "default")
    theta = keys.number("rope_theta") if "rope_theta" in keys else text.number("rope_theta")
    return theta, keys.integers("mrope_section", LARGEST)


def _read_preprocess(keys: Keys, vision: VisionConfig) -> PreprocessConfig:
    """Either `min_pixels` and `max_pixels` (as released), or `size` with two edges that mean the same."""
    for key in ("do_resize", "do_rescale", "do_normalize"):
        keys.only_if_stated(key, True)
    keys.only_if_stated("resample", _BICUBIC)
    keys.only_if_stated("rescale_factor", 1 / 255)
    keys.only_if_stated("patch_size", vision.patch_size)
    keys.only_if_stated("merge_size", vision.spatial_merge_size)
    keys.only_if_stated("temporal_patch_size", vision.temporal_patch_size)
    least, most = (
        keys.integer(key, high=_LARGEST_PICTURE_PX)
        if key in keys
        else keys.inner("size").integer(edge, high=_LARGEST_PICTURE_PX)
        for key, edge in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge"))
    )
    if not least <= most or most < vision.factor**2:
        raise ModelFormatError("implausible value in the config", f"{least} to {most} pixels", _ADVICE)
    mean, std = keys.numbers("image_mean", CHANNELS), keys.numbers("image_std", CHANNELS)
    if not all(std):
        raise keys.fail("image_std")
    return PreprocessConfig(least, most, mean, std)
