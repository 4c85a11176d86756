"""What was computed of pictures, found again by their content, the model and its settings; never by a name.

In memory bounded by bytes; on disk too where there is a `DiskCache`. Used on the MLX thread only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import mlx.core as mx
import numpy as np

from mlxvision import __version__
from mlxvision.engine.disk import DiskCache
from mlxvision.family import EncodedImage, Model
from mlxvision.loading.memory import available_bytes
from mlxvision.types import Image, Receipt

T = TypeVar("T")

_SHARE = 8

Encoded = tuple[EncodedImage, Receipt]
Asked = tuple[object, ...]
"""All that a text about a picture depends on, beside the picture and the model."""


@dataclass
class Counters:
    """hits: found in memory; disk_hits: on disk; misses: computed. evictions: gave way to newer ones in memory."""

    hits: int = 0
    disk_hits: int = 0
    misses: int = 0
    evictions: int = 0


class ImageCache:
    """limit_bytes: of memory, by default an eighth of what this machine has to give; the latest used stay."""

    def __init__(self, limit_bytes: int | None = None, disk: DiskCache | None = None) -> None:
        self.limit_bytes = available_bytes() // _SHARE if limit_bytes is None else limit_bytes
        self.nbytes = 0
        self.counters = Counters()
        self.disk = disk
        self._kept: dict[str, tuple[Encoded | str, int]] = {}

    def encode(self, model: Model, image: Image, each_step: Callable[[], None]) -> Encoded:
        """What the model's decoder needs of an image. each_step: as in `Net.encode`."""
        key = _key(model, "image", image.sha256)
        found = self._find(key)
        if isinstance(found, tuple):
            return found
        prepared = model.family.preprocess(image, model.config)
        encoded = self._read(key, lambda arrays: model.net.restore(prepared, arrays))
        if encoded is None:
            encoded = model.net.encode(prepared, each_step)
            self._write(key, encoded.arrays)
        self._keep(key, (encoded, prepared.receipt), encoded.nbytes)
        return encoded, prepared.receipt

    def said(self, model: Model, image: Image, asked: Asked, say: Callable[[], tuple[str, bool]]) -> str:
        """What the model says about a picture. say: -> the text, and whether that is all of it, so to be kept."""
        text = self.recall(model, image, asked)
        if text is None:
            text, complete = say()
            if complete:
                self.remember(model, image, asked, text)
        return text

    def recall(self, model: Model, image: Image, asked: Asked) -> str | None:
        """The text that was remembered of a picture; None if there is none."""
        key = _text_key(model, image, asked)
        text = self._find(key)
        if isinstance(text, str):
            return text
        text = self._read(key, _text)
        if text is not None:
            self._keep(key, text, len(text.encode()))
        return text

    def remember(self, model: Model, image: Image, asked: Asked, text: str) -> None:
        key, raw = _text_key(model, image, asked), text.encode()
        self._write(key, [mx.array(np.frombuffer(raw, np.uint8))])
        self._keep(key, text, len(raw))

    def clear(self) -> None:
        """Forget what is in memory; what is on disk stays."""
        self._kept, self.nbytes = {}, 0

    def _find(self, key: str) -> Encoded | str | None:
        if (entry := self._kept.pop(key, None)) is None:
            return None
        self._kept[key] = entry
        self.counters.hits += 1
        return entry[0]

    def _keep(self, key: str, value: Encoded | str, nbytes: int) -> None:
        """The dictionary is in the order of use. A value larger than all the room is not kept."""
        if nbytes > self.limit_bytes:
            return
        self._kept[key] = value, nbytes
        self.nbytes += nbytes
        while self.nbytes > self.limit_bytes:
            self.nbytes -= self._kept.pop(next(iter(self._kept)))[1]
            self.counters.evictions += 1

    def _read(self, key: str, restore: Callable[[Sequence[mx.array]], T | None]) -> T | None:
        """What restore makes of the arrays on disk; those of which it makes nothing are dropped."""
        if self.disk and (arrays := self.disk.read(key)) is not None:
            if (value := restore(arrays)) is not None:
                self.counters.disk_hits += 1
                return value
            self.disk.drop(key)
        self.counters.misses += 1
        return None

    def _write(self, key: str, arrays: Sequence[mx.array]) -> None:
        if self.disk:
            self.disk.write(key, arrays)


def _key(model: Model, *parts: object) -> str:
    """All that a result depends on; the versions, so that a correction of ours or of MLX's finds no older results."""
    model_parts = (model.family.name, model.revision, model.config)
    return hashlib.sha256(repr((_versions(), model_parts, parts)).encode()).hexdigest()


def _text_key(model: Model, image: Image, asked: Asked) -> str:
    return _key(model, "said", image.sha256, model.reading, *asked)


@cache
def _versions() -> tuple[str, str]:
    return __version__, mx.__version__  # pyright: ignore[reportAttributeAccessIssue]


def _text(arrays: Sequence[mx.array]) -> str | None:
    if len(arrays) != 1 or arrays[0].dtype != mx.uint8 or arrays[0].ndim != 1:
        return None
    try:
        return np.asarray(arrays[0]).tobytes().decode()
    except UnicodeDecodeError:
        return None
