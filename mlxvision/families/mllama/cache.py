"""All that the decoder remembers: text keys and values, image keys and values, and which text row sees which image.

A token sees the images of the latest run of adjacent image tokens at or before it; tokens before the first image see
none. So two numbers per token say what it sees, the first and the last image, and they live here so that no decode step
can lose them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import mlx.core as mx

from mlxvision.nn import KVCache

_NO_IMAGE = -1
_ALL = 1 << 30


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


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The images that neighbouring sequences were given, all the same ones.

    rows: which sequences. owner: (N,), the image that each key belongs to.
    keys, values: (1, H, N, E), one pair per cross layer; none where there are no images.
    """

    rows: slice
    owner: mx.array
    keys: tuple[mx.array, ...]
    values: tuple[mx.array, ...]


class MllamaCache:
    """B sequences. Prompts of different lengths are padded on the left, sequence b by padding[b] tokens."""

    def __init__(self, n_self_layers: int, image_token: int, padding: Sequence[int] = (0,)) -> None:
        self.padding = tuple(padding)
        self.text = [KVCache() for _ in range(n_self_layers)]
        self._image_token = image_token
        self._images: list[list[MllamaImage]] = [[] for _ in padding]
        self._parts: mx.array | None = None  # (B, 2), first and end of what each sees of its image, if not all
        self._shown: list[Shown] = []
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
    def position(self) -> int | mx.array:
        """The place of the next token in its sequence: of all, or (B,) of each."""
        return self.offset - mx.array(self.padding) if any(self.padding) else self.offset

    @property
    def arrays(self) -> list[mx.array]:
        return [*(x for layer in self.text for x in layer.arrays), self._first, self._last, self._in_run]

    def add_image(self, image: MllamaImage, row: int = 0) -> None:
        """Give the next image of a sequence, in the order of the image tokens still to come."""
        self._images[row].append(image)
        self._shown = []

    def trim(self, tokens: Sequence[int]) -> None:
        """Go back to when it held only these, the first of its tokens, and their images. For one sequence."""
        for layer in self.text:
            layer.trim(len(tokens))
        n_images = tokens.count(self._image_token)
        if n_images < len(self._images[0]):
            self._images, self._shown = [self._images[0][:n_images]], []
        self._begin()
        self.look(mx.array([tokens]))

    def fork(self) -> MllamaCache:
        """A second one that holds the same and goes its own way; what both hold is shared."""
        twin = copy.copy(self)
        twin.text = [layer.fork() for layer in self.text]
        twin._images = [list(images) for images in self._images]
        return twin

    def keep(self, rows: Sequence[int]) -> None:
        """Have only these sequences, at least one, in this order; one that is named twice goes on as two."""
        index, unused = mx.array(list(rows)), min(self.padding[row] for row in rows)
        for layer in self.text:
            layer.keep(index, unused)
        self.padding = tuple(self.padding[row] - unused for row in rows)
        self._images, self._shown = [list(self._images[row]) for row in rows], []
        self._first, self._last, self._in_run = self._first[index], self._last[index], self._in_run[index]
        self._parts = None if self._parts is None else self._parts[index]

    def narrow(self, tokens: Sequence[slice]) -> None:
        """From now on each sequence sees only these tokens of its image."""
        self._parts = mx.array([[part.start, part.stop] for part in tokens], mx.int32)

    def join(self, other: MllamaCache) -> None:
        """Take over the sequences of another, behind one's own; the other is not used any more."""
        end = max(self.offset, other.offset)
        self.padding = tuple(end - one.offset + p for one in (self, other) for p in one.padding)
        for layer, others in zip(self.text, other.text, strict=True):
            layer.join(others)
        if self._parts is not None or other._parts is not None:
            self._parts = mx.concatenate([self._all_parts(), other._all_parts()])
        self._images, self._shown = self._images + other._images, []
        self._first = mx.concatenate([self._first, other._first])
        self._last = mx.concatenate([self._last, other._last])
        self._in_run = mx.concatenate([self._in_run, other._in_run])

    def look(self, tokens: mx.array) -> list[tuple[Shown, mx.array]]:
        """tokens: (B, L), the next ones -> images, and (n, L, N) which of their keys each token may attend to.

        Every sequence is among some `rows`, in order; nothing at all if none has images.
        """
        if not any(self._images):
            return []
        is_image = tokens == self._image_token
        follows_image = mx.concatenate([self._in_run, is_image[:, :-1]], axis=1)
        last = self._last + mx.cumsum(is_image.astype(mx.int32), axis=1)
        starts_run = mx.logical_and(is_image, mx.logical_not(follows_image))
        first = mx.maximum(self._first, mx.cummax(mx.where(starts_run, last, 0), axis=1))
        self._first, self._last, self._in_run = first[:, -1:], last[:, -1:], is_image[:, -1:]
        self._shown = self._shown or _show(self._images)
        first, last = first[..., None], last[..., None]
        sights = [(s, _between(s.owner, first[s.rows], last[s.rows])) for s in self._shown]
        return sights if self._parts is None else [(s, visible & self._in_part(s)) for s, visible in sights]

    def _in_part(self, shown: Shown) -> mx.array:
        """(n, 1, N), which of the keys each sequence may see at all."""
        first, end = (x[..., None] for x in mx.split(self._all_parts()[shown.rows], 2, axis=1))
        return _between(mx.arange(shown.owner.size), first, end - 1)

    def _all_parts(self) -> mx.array:
        return mx.array([[0, _ALL]] * len(self._images), mx.int32) if self._parts is None else self._parts


def _between(x: mx.array, least: mx.array, most: mx.array) -> mx.array:
    return mx.logical_and(x >= least, x <= most)


def _show(sequences: Sequence[list[MllamaImage]]) -> list[Shown]:
    """Those that see the same are put together, so that they read the same keys."""
    shown: list[Shown] = []
    start = 0
    for images, group in groupby(sequences):
        rows = slice(start, start + len(list(group)))
        owner = mx.array([number for number, image in enumerate(images) for _ in range(image.n_tokens)], mx.int32)
        keys, values = _end_to_end([i.keys for i in images]), _end_to_end([i.values for i in images])
        shown.append(Shown(rows, owner, keys, values))
        start = rows.stop
    return shown


def _end_to_end(images: list[tuple[mx.array, ...]]) -> tuple[mx.array, ...]:
    """For each layer, the (1, H, n, E) arrays of all images as one."""
    return tuple(mx.concatenate(list(parts), axis=2) for parts in zip(*images, strict=True))
