"""Qwen3-VL: tower and decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx
import mlx.nn as nn

from mlxvision.families.qwen3_vl.config import Config
from mlxvision.families.qwen3_vl.language import Decoder
from mlxvision.families.qwen3_vl.vision import VisionTower
from mlxvision.nn import GridCache, GridImage
from mlxvision.nn.grid_input import CHANNELS, GridInput


class Body(nn.Module):
    """Everything but the head."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.visual = VisionTower(config.vision)
        self.language_model = Decoder(config.text)


class Qwen3VL(nn.Module):
    """lm_head: only of checkpoints that do not use the embeddings of tokens once more."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        if not config.text.tie_word_embeddings:
            self.lm_head = nn.Linear(config.text.hidden_size, config.text.vocab_size, bias=False)

    def encode(self, image: GridInput, each_step: Callable[[], None] = lambda: None) -> GridImage:
        """Run the tower, once for an image. features: (N, levels, D)"""
        features = self.model.visual(image, each_step)
        mx.eval(features)
        return GridImage(features, image.grid[1])

    def restore(self, image: GridInput, arrays: Sequence[mx.array]) -> GridImage | None:
        """What `encode` made of the image, from its arrays; None if their number, shapes or types are others."""
        rows, columns = image.grid
        shape = (rows * columns, self.config.vision.n_levels, self.config.text.hidden_size)
        if [(x.shape, x.dtype) for x in arrays] != [(shape, self.model.visual.patch_embed.proj.weight.dtype)]:
            return None
        return GridImage(arrays[0], columns)

    def make_cache(self, padding: Sequence[int] = (0,)) -> GridCache:
        config = self.config
        return GridCache(config.text.num_hidden_layers, config.image_token_id, config.vision_start_token_id, padding)

    def hidden(self, tokens: mx.array, cache: GridCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D)"""
        return self.model.language_model(tokens, cache)

    def logits(self, hidden: mx.array) -> mx.array:
        """hidden: (B, L, D) -> (B, L, V)"""
        if self.config.text.tie_word_embeddings:
            return self.model.language_model.embed_tokens.as_linear(hidden)
        return self.lm_head(hidden)


def request_bytes(config: Config, images: int, tokens: int) -> int:
    """Bytes in 16-bit of the cache, of images of the largest size, and of the largest activations of the tower."""
    text, vision = config.text, config.vision
    image_tokens = images * config.max_image_tokens
    width = 2 * text.num_key_value_heads * text.head_dim  # keys and values
    cache = (tokens + image_tokens) * width * text.num_hidden_layers
    features = image_tokens * vision.n_levels * text.hidden_size
    patch = 2 * vision.temporal_patch_size * CHANNELS * vision.patch_size**2  # float32
    states = patch + 6 * vision.hidden_size + 2 * vision.intermediate_size
    n_patches = config.max_image_tokens * vision.spatial_merge_size**2 if images else 0
    return 2 * (cache + features + n_patches * states)
