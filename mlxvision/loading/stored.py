"""A net that reads its arrays when they are first needed: those of the tower for an image, all others for text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import mlx.core as mx
import mlx.nn as nn

from mlxvision.errors import ModelFormatError
from mlxvision.family import Cache, EncodedImage, ImageInput, Net
from mlxvision.loading.arrays import defer, fill
from mlxvision.loading.checkpoint import Tensor
from mlxvision.nn.sharing import Group, as_first_says


class Part:
    """Some arrays of a net, in memory or only in their files."""

    def __init__(self, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        self._module, self._tensors = module, tensors
        self._stamps = {file: _stamp(file) for file in {tensor.file for tensor in tensors.values()}}
        self.is_held = False
        self.release()

    def hold(self) -> dict[str, object]:
        """Read and check every array; their checksums. Raises: ModelFormatError"""
        self._check_files()
        checksums = fill(self._module, self._tensors)
        self.is_held = True
        return checksums

    def release(self) -> None:
        """Give the memory back. Raises: ModelFormatError"""
        self._check_files()
        defer(self._module, self._tensors)
        mx.clear_cache()
        self.is_held = False

    def _check_files(self) -> None:
        """Headers were checked when the model was loaded, so the files must still be those."""
        for file, stamp in self._stamps.items():
            if _stamp(file) != stamp:
                raise ModelFormatError("a file of the model changed after it was loaded", file, "Load the model again")


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What tells a file from any that takes its place; None if there is none."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


class StoredNet:
    """A `Net` in two parts that are read when they are needed. takes_turns: never are both in memory.

    module: the net itself, or this machine's part of it where a group shares it.
    """

    def __init__(
        self, module: nn.Module, tower: Part, decoder: Part, *, takes_turns: bool, group: Group | None = None
    ) -> None:
        self.module, self._group = module, group
        self._net, self._tower, self._decoder, self._takes_turns = cast(Net, module), tower, decoder, takes_turns

    def encode(self, image: ImageInput, each_step: Callable[[], None]) -> EncodedImage:
        self._need(self._tower, self._decoder)
        return self._net.encode(image, each_step)

    def restore(self, image: ImageInput, arrays: Sequence[mx.array]) -> EncodedImage | None:
        return self._net.restore(image, arrays)

    def make_cache(self, padding: Sequence[int] = (0,)) -> Cache:
        return self._net.make_cache(padding)

    def hidden(self, tokens: mx.array, cache: Cache) -> mx.array:
        self._need(self._decoder, self._tower)
        return self._net.hidden(tokens, cache)

    def logits(self, hidden: mx.array) -> mx.array:
        logits = self._net.logits(hidden)
        return as_first_says(logits, self._group) if self._group else logits

    def _need(self, part: Part, other: Part) -> None:
        if part.is_held:
            return
        if self._takes_turns:
            other.release()
        part.hold()
