"""All that the decoder remembers: text keys and values, image keys and values, and which text row sees which image.

A token sees the images of the latest run of adjacent image tokens at or before it; tokens before the first image see
none. So two numbers per token say what it sees, the first and the last image, and they live here so that no decode step
can lose them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx

from mlxvision.nn import KVCache

_NO_IMAGE = -1
_NO_OWNER = 1 << 30


@dataclass(frozen=True, slots=True, eq=False)
class MllamaImage:
    """An image as the decoder reads it: keys and values (1, H, N, E) of its real tiles, one pair per cross layer."""

    keys: tuple[mx.array, ...]
    values: tuple[mx.array, ...]

    @property
    def n_tokens(self) -> int:
        return self.keys[0].shape[2]

    @property
    def nbytes(self) -> int:
        return sum(x.nbytes for x in self.arrays)

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        return (*self.keys, *self.values)


class MllamaCache:
    """B sequences. Prompts of different lengths are padded on the left, sequence b by padding[b] tokens."""

    def __init__(self, n_self_layers: int, image_token: int, padding: Sequence[int] = (0,)) -> None:
        self.padding = tuple(padding)
        self.text = [KVCache() for _ in range(n_self_layers)]
        self.cross: list[tuple[mx.array, mx.array]] = []
        self._image_token = image_token
        self._images: list[list[MllamaImage]] = [[] for _ in padding]
        self._owner = mx.zeros((len(padding), 0), mx.int32)  # which image each key belongs to
        self._begin()

    def _begin(self) -> None:
        """What a token sees that follows none."""
        B = len(self.padding)
        self._first = mx.zeros((B, 1), mx.int32)
        self._last = mx.full((B, 1), _NO_IMAGE, mx.int32)
        self._in_run = mx.zeros((B, 1), mx.bool_)

    @property
    def offset(self) -> int:
        return self.text[0].offset

    @property
    def arrays(self) -> list[mx.array]:
        return [*(x for layer in self.text for x in layer.arrays), self._first, self._last, self._in_run]

    def add_image(self, image: MllamaImage, row: int = 0) -> None:
        """Give the next image of a sequence, in the order of the image tokens still to come."""
        self._images[row].append(image)
        N = max(sum(i.n_tokens for i in images) for images in self._images)
        self._owner = mx.array([_owners(images, N) for images in self._images], mx.int32)
        self.cross = [
            (
                _batch([[i.keys[layer] for i in images] for images in self._images], N),
                _batch([[i.values[layer] for i in images] for images in self._images], N),
            )
            for layer in range(len(image.keys))
        ]

    def trim(self, tokens: Sequence[int]) -> None:
        """Go back to when it held only these, the first of its tokens, and their images. For one sequence."""
        for layer in self.text:
            layer.trim(len(tokens))
        images = self._images[0][: tokens.count(self._image_token)]
        if len(images) < len(self._images[0]):
            self.cross, self._images = [], [[]]
            for image in images:
                self.add_image(image)
        self._begin()
        self.look(mx.array([tokens]))

    def fork(self) -> MllamaCache:
        """A second one that holds the same and goes its own way; what both hold is shared."""
        twin = copy.copy(self)
        twin.text = [layer.fork() for layer in self.text]
        twin._images = [list(images) for images in self._images]
        return twin

    def look(self, tokens: mx.array) -> mx.array | None:
        """tokens: (B, L), the next ones -> (B, L, N), the image keys each may attend to; None if there is no image."""
        if not self.cross:
            return None
        is_image = tokens == self._image_token
        follows_image = mx.concatenate([self._in_run, is_image[:, :-1]], axis=1)
        last = self._last + mx.cumsum(is_image.astype(mx.int32), axis=1)
        starts_run = mx.logical_and(is_image, mx.logical_not(follows_image))
        first = mx.maximum(self._first, mx.cummax(mx.where(starts_run, last, 0), axis=1))
        self._first, self._last, self._in_run = first[:, -1:], last[:, -1:], is_image[:, -1:]
        owner = self._owner[:, None]
        return mx.logical_and(owner >= first[..., None], owner <= last[..., None])


def _owners(images: list[MllamaImage], N: int) -> list[int]:
    owners = [number for number, image in enumerate(images) for _ in range(image.n_tokens)]
    return owners + [_NO_OWNER] * (N - len(owners))


def _batch(rows: list[list[mx.array]], N: int) -> mx.array:
    """Each row's (1, H, n, E) arrays end to end, filled up with zeros -> (B, H, N, E)."""
    like = next(x for row in rows for x in row)
    _, H, _, E = like.shape
    filled = []
    for row in rows:
        missing = N - sum(x.shape[2] for x in row)
        parts = [*row, mx.zeros((1, H, missing, E), like.dtype)] if missing else row
        filled.append(mx.concatenate(parts, axis=2))
    return mx.concatenate(filled)
