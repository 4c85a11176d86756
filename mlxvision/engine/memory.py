"""What one conversation keeps between its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mlxvision.family import Cache, EncodedImage, Model
from mlxvision.types import Receipt


class Shown(NamedTuple):
    """An image that a cache holds. sha256: of the picture."""

    sha256: str
    n_tokens: int
    receipt: Receipt


@dataclass
class Memory:
    """The state of the decoder after tokens and images.

    Invariant: cache holds exactly tokens, and each image token among them stands for the next of images.
    """

    cache: Cache | None = None
    tokens: list[int] = field(default_factory=list)
    images: list[Shown] = field(default_factory=list)

    def forget(self) -> None:
        self.cache, self.tokens, self.images = None, [], []

    def resume(self, model: Model, prompt: list[int], pictures: Sequence[str]) -> Cache:
        """A cache that holds the longest proper prefix of the prompt that was computed before.

        pictures: the sha256 of each picture of the prompt; the cache lacks those after `images`.
        """
        image_token = model.family.image_token(model.config)
        held = _with_pictures(self.tokens, [image.sha256 for image in self.images], image_token)
        n = min(_common(held, _with_pictures(prompt, pictures, image_token)), len(prompt) - 1)
        if self.cache is None or not n:
            self.forget()
            self.cache = model.net.make_cache()
        else:
            self.cache.trim(prompt[:n])
        self.images = self.images[: prompt[:n].count(image_token)]
        self.tokens = prompt
        return self.cache

    def show(self, cache: Cache, sha256: str, encoded: EncodedImage, receipt: Receipt) -> None:
        """Give the cache of `resume` the next picture that it lacks."""
        cache.add_image(encoded)
        self.images.append(Shown(sha256, encoded.n_tokens, receipt))

    def hold(self, answer: Sequence[int]) -> None:
        """answer: the tokens after the prompt; the last ones of both may not have entered the cache."""
        self.tokens = [*self.tokens, *answer][: self.cache.offset] if self.cache else []

    def fork(self) -> Memory:
        """A second one that goes its own way; what both hold is shared."""
        return Memory(self.cache and self.cache.fork(), list(self.tokens), list(self.images))


def _with_pictures(tokens: Sequence[int], pictures: Sequence[str], image_token: int) -> list[int | str]:
    """Tokens in which every image is named, so that two images are never taken for one."""
    left = iter(pictures)
    return [next(left, token) if token == image_token else token for token in tokens]


def _common(a: Sequence[int | str], b: Sequence[int | str]) -> int:
    """How many of the first are equal."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
