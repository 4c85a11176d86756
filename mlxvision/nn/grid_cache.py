"""What a decoder remembers for which images are grids of tokens: keys, values, images to come, and the next position.

A position has three parts: time, row and column. All three of a text token are one more than the largest of any token
before it; those of an image token are the next text token's, plus its row and its column in the image. So an image of
many tokens takes up few positions, and the position of a token is not how many tokens precede it. It lives here so that
no decode step can lose it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import cast

import mlx.core as mx
import numpy as np

from mlxvision.errors import UnsupportedModelError
from mlxvision.nn.cache import KVCache


@dataclass(frozen=True, slots=True, eq=False)
class GridImage:
    """features: (N, D), row by row; columns: how many make a row."""

    features: mx.array
    columns: int

    @property
    def n_tokens(self) -> int:
        return self.features.shape[0]

    @property
    def n_positions(self) -> int:
        return max(self.columns, self.n_tokens // self.columns)

    @property
    def nbytes(self) -> int:
        return self.features.nbytes

    @property
    def arrays(self) -> tuple[mx.array]:
        return (self.features,)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Features that stand in for the embeddings of tokens start, start + 1, … of a sequence."""

    row: int
    start: int
    features: mx.array


@dataclass
class _Reader:
    """How far a sequence has come: the first n_done of its images are read, and n_seen tokens of the next one.

    position: of the next text token.
    """

    position: int
    images: list[GridImage] = field(default_factory=list)
    n_done: int = 0
    n_seen: int = 0

    @property
    def waits(self) -> bool:
        """Whether there are images still to be read."""
        return self.n_done < len(self.images)

    def copy(self) -> _Reader:
        return replace(self, images=list(self.images))

    def read(self, tokens: Sequence[int], image_token: int) -> tuple[np.ndarray, list[tuple[int, mx.array]]]:
        """The next L tokens -> their positions (3, L), and the features from some of them on."""
        positions, pieces, start = np.empty((3, len(tokens)), np.int32), [], 0
        while start < len(tokens):
            if tokens[start] == image_token and self.waits:
                image, first = self.images[self.n_done], self.n_seen
                left = tokens[start : start + image.n_tokens - first]
                n = sum(1 for _ in takewhile(lambda token: token == image_token, left))
                places = np.arange(first, first + n)
                grid = np.stack([np.zeros_like(places), places // image.columns, places % image.columns])
                positions[:, start : start + n] = self.position + grid
                pieces.append((start, image.features[first : first + n]))
                self._pass(n)
            else:
                n = 1
                positions[:, start] = self.position
                self.position += 1
            start += n
        return positions, pieces

    def _pass(self, n: int) -> None:
        """Go on by n tokens of an image."""
        image = self.images[self.n_done]
        self.n_seen += n
        if self.n_seen == image.n_tokens:
            self.position += image.n_positions
            self.n_done, self.n_seen = self.n_done + 1, 0


class GridCache:
    """B sequences. Prompts of different lengths are padded on the left, sequence b by padding[b] tokens.

    image_token: stands for a feature of an image. opening_token: comes once before each image.
    """

    def __init__(self, n_layers: int, image_token: int, opening_token: int, padding: Sequence[int] = (0,)) -> None:
        self.padding = tuple(padding)
        self.layers = [KVCache() for _ in range(n_layers)]
        self._image_token, self._opening_token = image_token, opening_token
        self._readers = [_Reader(-n) for n in padding]  # so that the first token of each has position 0

    @property
    def offset(self) -> int:
        return self.layers[0].offset

    @property
    def arrays(self) -> list[mx.array]:
        return [x for layer in self.layers for x in layer.arrays]

    def add_image(self, image: GridImage, row: int = 0) -> None:
        """Give the next image of a sequence, in the order of the image tokens still to come."""
        self._readers[row].images.append(image)

    def trim(self, tokens: Sequence[int]) -> None:
        """Go back to when it held only these, the first of its tokens, and their images. For one sequence."""
        for layer in self.layers:
            layer.trim(len(tokens))
        reader = _Reader(0, self._readers[0].images[: tokens.count(self._opening_token)])
        reader.read(tokens, self._image_token)
        self._readers = [reader]

    def fork(self) -> GridCache:
        """A second one that holds the same and goes its own way; what both hold is shared."""
        twin = copy.copy(self)
        twin.layers = [layer.fork() for layer in self.layers]
        twin._readers = [reader.copy() for reader in self._readers]
        return twin

    def keep(self, rows: Sequence[int]) -> None:
        """Have only these sequences, at least one, in this order; one that is named twice goes on as two."""
        index, unused = mx.array(list(rows)), min(self.padding[row] for row in rows)
        for layer in self.layers:
            layer.keep(index, unused)
        self.padding = tuple(self.padding[row] - unused for row in rows)
        self._readers = [self._readers[row].copy() for row in rows]

    def narrow(self, tokens: Sequence[slice]) -> None:
        """Raises: UnsupportedModelError: image tokens are among the text here"""
        raise UnsupportedModelError("a model of this family cannot read by rows", "reading.json", "Remove that file")

    def join(self, other: GridCache) -> None:
        """Take over the sequences of another, behind one's own; the other is not used any more."""
        end = max(self.offset, other.offset)
        self.padding = tuple(end - one.offset + n for one in (self, other) for n in one.padding)
        for layer, others in zip(self.layers, other.layers, strict=True):
            layer.join(others)
        self._readers += other._readers

    def place(self, tokens: mx.array) -> tuple[mx.array, list[Piece]]:
        """tokens: (B, L), the next ones -> their positions (3, B, L), and the features among them.

        Once all images are read, tokens are not looked at, so that a decode step need not wait for the one before it.
        """
        if any(reader.waits for reader in self._readers):
            lists = cast(list[list[int]], tokens.tolist())
            read = [r.read(row, self._image_token) for r, row in zip(self._readers, lists, strict=True)]
            pieces = [Piece(row, *place) for row, (_, found) in enumerate(read) for place in found]
            return mx.array(np.stack([positions for positions, _ in read], axis=1)), pieces
        B, L = tokens.shape
        first = mx.array([reader.position for reader in self._readers])[:, None]
        for reader in self._readers:
            reader.position += L
        return mx.broadcast_to(first + mx.arange(L), (3, B, L)), []
