"""What a checkpoint states of a net in which the patches of an image are tokens of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from mlxvision.keys import LARGEST, Keys
from mlxvision.nn.grid_decoder import GridTextConfig
from mlxvision.nn.grid_input import PreprocessConfig, read_preprocess


class Patches(Protocol):
    """What every tower's config says of the patches of an image."""

    @property
    def patch_size(self) -> int: ...

    @property
    def spatial_merge_size(self) -> int: ...

    @property
    def temporal_patch_size(self) -> int: ...


V = TypeVar("V", bound=Patches)


@dataclass(frozen=True, slots=True)
class GridConfig(Generic[V]):
    """image_token_id: stands once for every token of an image. vision_start_token_id: once before each image."""

    image_token_id: int
    vision_start_token_id: int
    vision: V
    text: GridTextConfig
    preprocess: PreprocessConfig

    @property
    def max_image_tokens(self) -> int:
        return self.preprocess.max_pixels // self.preprocess.factor**2


def read_grid(top: Keys, text: GridTextConfig, vision: V, preprocessor: Mapping[str, Any]) -> GridConfig[V]:
    """The whole, of parts that fit each other. Raises: ModelFormatError naming the key that is missing or wrong"""
    sizes = vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size
    return GridConfig(
        image_token_id=top.integer("image_token_id", 0, text.vocab_size - 1),
        vision_start_token_id=top.integer("vision_start_token_id", 0, text.vocab_size - 1),
        vision=vision,
        text=text,
        preprocess=read_preprocess(preprocessor, *sizes),
    )


def read_text(top: Keys) -> GridTextConfig:
    """The decoder's keys are at the top (as first released) or in `text_config`; its heads share the hidden size.

    Raises: ModelFormatError naming the key that is missing or implausible
    """
    keys = top.inner("text_config") if "text_config" in top else top
    keys.only_if_stated("use_sliding_window", False)
    hidden_size, n_heads = keys.integer("hidden_size"), keys.integer("num_attention_heads")
    if hidden_size % (2 * n_heads):
        raise keys.fail("num_attention_heads")
    return read_decoder(top, keys, hidden_size // n_heads, interleaved=False)


def read_decoder(top: Keys, keys: Keys, head_dim: int, *, interleaved: bool) -> GridTextConfig:
    """interleaved: whether time, row and column take turns. Raises: ModelFormatError"""
    keys.only_if_stated("hidden_act", "silu")
    n_heads, n_kv_heads = keys.integer("num_attention_heads"), keys.integer("num_key_value_heads")
    if n_heads % n_kv_heads:
        raise keys.fail("num_key_value_heads")
    rope_theta, mrope_section = _read_rope(keys, head_dim, interleaved=interleaved)
    return GridTextConfig(
        vocab_size=keys.integer("vocab_size"),
        hidden_size=keys.integer("hidden_size"),
        num_hidden_layers=keys.integer("num_hidden_layers", high=1024),
        num_attention_heads=n_heads,
        num_key_value_heads=n_kv_heads,
        head_dim=head_dim,
        intermediate_size=keys.integer("intermediate_size"),
        max_position_embeddings=keys.integer("max_position_embeddings", high=1 << 30),
        rms_norm_eps=keys.number("rms_norm_eps", high=1),
        rope_theta=rope_theta,
        mrope_section=mrope_section,
        tie_word_embeddings=_is_tied(top, keys),
    )


def _read_rope(text: Keys, head_dim: int, *, interleaved: bool) -> tuple[float, tuple[int, ...]]:
    """(theta, how many of a head's frequencies turn with the time, the row and the column of a token).

    `rope_theta` is beside `rope_scaling` (as first released), or both are inside `rope_parameters` (transformers 5).

    Raises: ModelFormatError
    """
    keys = text.inner("rope_parameters" if "rope_parameters" in text else "rope_scaling")
    for kind in ("type", "rope_type"):
        keys.only_if_stated(kind, "mrope", "default")
    keys.only_if_stated("mrope_interleaved", interleaved)
    sections = keys.integers("mrope_section", LARGEST)
    if len(sections) != 3 or 2 * sum(sections) != head_dim:
        raise keys.fail("mrope_section")
    return (keys if "rope_theta" in keys else text).number("rope_theta", low=1), sections


def _is_tied(top: Keys, text: Keys) -> bool:
    """Whether the head is the table of embeddings: either place may say so. Raises: ModelFormatError"""
    key = "tie_word_embeddings"
    stated = [keys.flag(key) for keys in (top, text) if key in keys]
    return any(stated) if stated else top.flag(key)
