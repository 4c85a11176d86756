"""What a Llama 3.2 Vision checkpoint states of itself.

Source: config.json and preprocessor_config.json of meta-llama/Llama-3.2-11B-Vision-Instruct, and the same files as
transformers 5.23 writes them (`rope_parameters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlxvision.keys import LARGEST_DIMENSION, Keys

IMAGE_ROWS = 8
"""The table of input embeddings has this many rows more than the output head: the image token and spares."""


def arrangements(max_tiles: int) -> list[tuple[int, int]]:
    """Every (rows, columns) of at most max_tiles tiles, in the order of the tile embedding tables."""
    sides = range(1, max_tiles + 1)
    return [(rows, columns) for rows in sides for columns in sides if rows * columns <= max_tiles]


@dataclass(frozen=True, slots=True)
class VisionConfig:
    hidden_size: int
    num_hidden_layers: int
    num_global_layers: int
    attention_heads: int
    intermediate_size: int
    num_channels: int
    image_size: int
    patch_size: int
    max_num_tiles: int
    norm_eps: float
    vision_output_dim: int
    intermediate_layers_indices: tuple[int, ...]

    @property
    def n_aspect_ratios(self) -> int:
        return len(arrangements(self.max_num_tiles))

    @property
    def n_patches(self) -> int:
        """Patches of a tile and its class token."""
        return (self.image_size // self.patch_size) ** 2 + 1


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Llama 3.1's: waves longer than low_freq_factor allows are stretched by factor."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """scaling: None for plain rotary embeddings."""

    theta: float
    scaling: RopeScaling | None


@dataclass(frozen=True, slots=True)
class TextConfig:
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    max_position_embeddings: int
    rms_norm_eps: float
    cross_attention_layers: tuple[int, ...]
    rope: RopeConfig

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True, slots=True)
class PreprocessConfig:
    """resample: a `PIL.Image.Resampling` value. mean and std: one for each colour channel."""

    max_image_tiles: int
    resample: int
    rescale_factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Config:
    image_token_index: int
    vision: VisionConfig
    text: TextConfig
    preprocess: PreprocessConfig


def read_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> Config:
    """Raises: ModelFormatError naming the key that is missing or implausible."""
    top = Keys(config)
    text = _read_text(top.inner("text_config"))
    vision = _read_vision(top.inner("vision_config"))
    preprocess = _read_preprocess(Keys(preprocessor, file="preprocessor_config.json"), vision)
    key = "image_token_id" if "image_token_id" in top else "image_token_index"
    image_token = top.integer(key, 0, text.vocab_size + IMAGE_ROWS - 1)
    return Config(image_token, vision, text, preprocess)


def _read_vision(keys: Keys) -> VisionConfig:
    keys.only("hidden_act", "gelu")
    n_layers = keys.integer("num_hidden_layers", high=1024)
    config = VisionConfig(
        hidden_size=keys.integer("hidden_size"),
        num_hidden_layers=n_layers,
        num_global_layers=keys.integer("num_global_layers", high=1024),
        attention_heads=keys.integer("attention_heads"),
        intermediate_size=keys.integer("intermediate_size"),
        num_channels=keys.integer("num_channels", 3, 3),
        image_size=keys.integer("image_size", high=4096),
        patch_size=keys.integer("patch_size", high=4096),
        max_num_tiles=keys.integer("max_num_tiles", high=64),
        norm_eps=keys.number("norm_eps", high=1),
        vision_output_dim=keys.integer("vision_output_dim"),
        intermediate_layers_indices=keys.indices("intermediate_layers_indices", n_layers),
    )
    keys.only("supported_aspect_ratios", [list(arrangement) for arrangement in arrangements(config.max_num_tiles)])
    if config.hidden_size % config.attention_heads:
        raise keys.fail("attention_heads")
    if config.patch_size > config.image_size:
        raise keys.fail("patch_size")
    if config.max_num_tiles * config.n_patches * config.hidden_size > LARGEST_DIMENSION:
        raise keys.fail("image_size")
    if config.vision_output_dim != config.hidden_size * (1 + len(config.intermediate_layers_indices)):
        raise keys.fail("vision_output_dim")
    return config


def _read_text(keys: Keys) -> TextConfig:
    keys.only("hidden_act", "silu")
    keys.only_if_stated("tie_word_embeddings", False)
    n_layers = keys.integer("num_hidden_layers", high=1024)
    config = TextConfig(
        vocab_size=keys.integer("vocab_size"),
        hidden_size=keys.integer("hidden_size"),
        num_hidden_layers=n_layers,
        num_attention_heads=keys.integer("num_attention_heads"),
        num_key_value_heads=keys.integer("num_key_value_heads"),
        intermediate_size=keys.integer("intermediate_size"),
        max_position_embeddings=keys.integer("max_position_embeddings", high=1 << 30),
        rms_norm_eps=keys.number("rms_norm_eps", high=1),
        cross_attention_layers=keys.indices("cross_attention_layers", n_layers),
        rope=_read_rope(keys),
    )
    if config.hidden_size % (2 * config.num_attention_heads):
        raise keys.fail("num_attention_heads")
    if config.num_attention_heads % config.num_key_value_heads:
        raise keys.fail("num_key_value_heads")
    if len(config.cross_attention_layers) not in range(1, n_layers):  # both kinds of layers must be there
        raise keys.fail("cross_attention_layers")
    return config


def _read_rope(text: Keys) -> RopeConfig:
    """Either `rope_theta` beside `rope_scaling` (as released), or both inside `rope_parameters` (transformers 5)."""
    if "rope_parameters" in text:
        keys = text.inner("rope_parameters")
        theta = keys.number("rope_theta", low=1)
    else:
        theta = text.number("rope_theta", low=1)
        if "rope_scaling" not in text:
            return RopeConfig(theta, None)
        keys = text.inner("rope_scaling")
    kind = "type" if "type" in keys else "rope_type"
    if keys.raw(kind) == "default":
        return RopeConfig(theta, None)
    keys.only(kind, "llama3")
    low, high = (keys.number(f"{end}_freq_factor", 1e-3, 1e6) for end in ("low", "high"))
    if low >= high:
        raise keys.fail("high_freq_factor")
    original = keys.integer("original_max_position_embeddings", high=1 << 30)
    return RopeConfig(theta, RopeScaling(keys.number("factor", low=1), low, high, original))


def _read_preprocess(keys: Keys, vision: VisionConfig) -> PreprocessConfig:
    for key in ("do_resize", "do_pad", "do_rescale", "do_normalize"):
        keys.only_if_stated(key, True)
    size = keys.inner("size")
    for side in ("height", "width"):
        if size.integer(side) != vision.image_size:
            raise size.fail(side)
    return PreprocessConfig(
        # Another number would count the rows of the tile embedding tables differently.
        max_image_tiles=keys.integer("max_image_tiles", vision.max_num_tiles, vision.max_num_tiles),
        resample=keys.integer("resample", 0, 5),
        rescale_factor=keys.number("rescale_factor", 1e-4, 1),
        mean=keys.numbers("image_mean", vision.num_channels, -100, 100),
        std=keys.numbers("image_std", vision.num_channels, 1e-4, 100),
    )
