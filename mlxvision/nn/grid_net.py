"""A tower and a decoder in which the patches of an image are tokens of the text, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from mlxvision.nn.grid_cache import GridCache, GridImage
from mlxvision.nn.grid_decoder import GridDecoder, GridTextConfig
from mlxvision.nn.grid_input import GridInput


class GridNet(nn.Module):
    """lm_head: only of checkpoints that do not use the embeddings of tokens once more."""

    def __init__(self, visual: Any, text: GridTextConfig, image_token: int, start_token: int) -> None:
        """visual: a tower with a `patch_embed`. start_token: the one before the first of an image's."""
        super().__init__()
        self._text, self._tokens = text, (image_token, start_token)
        self.visual = visual
        self.model = GridDecoder(text)
        if not text.tie_word_embeddings:
            self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)

    def encode(self, image: GridInput, each_step: Callable[[], None] = lambda: None) -> GridImage:
        """Run the tower, once for an image."""
        features = self.visual(image, each_step)
        mx.eval(features)
        return GridImage(features, image.grid[1])

    def restore(self, image: GridInput, arrays: Sequence[mx.array]) -> GridImage | None:
        """What `encode` made of the image, from its arrays; None if their number, shapes or types are others."""
        rows, columns = image.grid
        expected = (rows * columns, self._text.hidden_size), self.visual.patch_embed.proj.weight.dtype
        if [(x.shape, x.dtype) for x in arrays] != [expected]:
            return None
        return GridImage(arrays[0], columns)

    def make_cache(self, padding: Sequence[int] = (0,)) -> GridCache:
        return GridCache(self._text.num_hidden_layers, *self._tokens, padding)

    def hidden(self, tokens: mx.array, cache: GridCache) -> mx.array:
        """tokens: (B, L) -> (B, L, D)"""
        return self.model(tokens, cache)

    def logits(self, hidden: mx.array) -> mx.array:
        """hidden: (B, L, D) -> (B, L, V)"""
        if self._text.tie_word_embeddings:
            return self.model.embed_tokens.as_linear(hidden)
        return self.lm_head(hidden)
