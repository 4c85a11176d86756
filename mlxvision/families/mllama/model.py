"""Llama 3.2 Vision: tower, projector, decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx
import mlx.nn as nn

from mlxvision.families.mllama.cache import MllamaCache, MllamaImage
from mlxvision.families.mllama.config import Config
from mlxvision.families.mllama.language import CrossAttention, CrossBlock, LanguageModel
from mlxvision.families.mllama.preprocess import MllamaInput
from mlxvision.families.mllama.vision import VisionModel


class Mllama(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.vision_model = VisionModel(config.vision)
        self.multi_modal_projector = nn.Linear(config.vision.vision_output_dim, config.text.hidden_size)
        self.language_model = LanguageModel(config.text)

    def encode(self, image: MllamaInput, each_step: Callable[[], None] = lambda: None) -> MllamaImage:
        """Run the tower and project keys and values for every cross-attention layer, once."""
        features = self.multi_modal_projector(self.vision_model(image, each_step))[None]
        keys, values = zip(*(attention.project(features) for attention in self._cross_attentions()), strict=True)
        mx.eval(keys, values)
        return MllamaImage(keys, values)

    def restore(self, image: MllamaInput, arrays: Sequence[mx.array]) -> MllamaImage | None:
        """What `encode` made of the image, from its arrays; None if their number, shapes or types are others."""
        attentions = self._cross_attentions()
        n_layers, n_heads = len(attentions), attentions[0].n_kv_heads
        shape = (1, n_heads, image.n_tiles * self.config.vision.n_patches, self.config.text.head_dim)
        dtype = self.vision_model.class_embedding.dtype  # the tower computes in it
        if len(arrays) != 2 * n_layers or any((x.shape, x.dtype) != (shape, dtype) for x in arrays):
            return None
        return MllamaImage(tuple(arrays[:n_layers]), tuple(arrays[n_layers:]))

    def _cross_attentions(self) -> list[CrossAttention]:
        return [block.cross_attn for block in self.language_model.model.layers if isinstance(block, CrossBlock)]

    def make_cache(self, padding: Sequence[int] = (0,)) -> MllamaCache:
        text = self.config.text
        return MllamaCache(
            text.num_hidden_layers - len(text.cross_attention_layers), self.config.image_token_index, padding
        )

    def hidden(self, tokens: mx.array, cache: MllamaCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D)"""
        return self.language_model.model(tokens, cache)

    def logits(self, hidden: mx.array) -> mx.array:
        """hidden: (B, L, D) -> (B, L, V)"""
        return self.language_model.lm_head(hidden)


def request_bytes(config: Config, images: int, tokens: int) -> int:
    """Bytes in 16-bit of the text and image caches and of the largest activations of the tower."""
    text, vision = config.text, config.vision
    width = 2 * text.num_key_value_heads * text.head_dim  # keys and values
    n_cross = len(text.cross_attention_layers)
    n_tokens = vision.max_num_tiles * vision.n_patches
    text_cache = tokens * width * (text.num_hidden_layers - n_cross)
    image_cache = images * n_tokens * width * n_cross
    states = vision.hidden_size * (4 + len(vision.intermediate_layers_indices)) + vision.intermediate_size
    return 2 * (text_cache + image_cache + n_tokens * states)
