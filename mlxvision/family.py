"""The contract every model family fulfils. To add a family, read this file and one folder of families/."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlxvision.types import Box, Image, Message, Reading, Receipt, Rows

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn
    import numpy as np

    from mlxvision.text import Tokenizer

__all__ = ["Cache", "EncodedImage", "Family", "ImageInput", "Model", "Net"]


class ImageInput(Protocol):
    """A picture prepared for one family.

    canvas: (height, width, 3) uint8, the very pixels the model sees, before normalising.
    """

    @property
    def canvas(self) -> np.ndarray: ...
    @property
    def receipt(self) -> Receipt: ...


class EncodedImage(Protocol):
    """What the decoder needs of one image: a value, independent of any prompt."""

    @property
    def nbytes(self) -> int: ...
    @property
    def n_tokens(self) -> int: ...
    @property
    def arrays(self) -> Sequence[mx.array]:
        """All it consists of, in the order in which `Net.restore` takes it."""
        ...


class Cache(Protocol):
    """All that decode needs of what came before: keys, values, masks, positions, images.

    offset: how many tokens it holds.
    """

    @property
    def offset(self) -> int: ...
    @property
    def arrays(self) -> Sequence[mx.array]:
        """What to evaluate after a chunk, so that no graph grows from one to the next."""
        ...

    def add_image(self, image: EncodedImage, row: int = 0) -> None:
        """Give the next image of a sequence, in the order of the image tokens still to come."""
        ...

    def trim(self, tokens: Sequence[int]) -> None:
        """Go back to when it held only these, the first of its tokens, and their images. For one sequence."""
        ...

    def fork(self) -> Cache:
        """A second one that holds the same and goes its own way; what both hold is shared."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Have only these sequences, at least one, in this order; one that is named twice goes on as two."""
        ...

    def narrow(self, tokens: Sequence[slice]) -> None:
        """From now on each sequence sees only these tokens of its image."""
        ...

    def join(self, other: Cache) -> None:
        """Take over the sequences of another, behind one's own; the other is not used any more."""
        ...


class Net(Protocol):
    """The arrays of a model and their arithmetic. Made by `Family.build` as an `mlx.nn.Module`."""

    def encode(self, image: ImageInput, each_step: Callable[[], None]) -> EncodedImage:
        """Run the vision tower. each_step is called between parts of the work and may raise to stop it."""
        ...

    def restore(self, image: ImageInput, arrays: Sequence[mx.array]) -> EncodedImage | None:
        """What `encode` made of the image, from its arrays; None if their number, shapes or types are others."""
        ...

    def make_cache(self, padding: Sequence[int] = (0,)) -> Cache:
        """For B sequences; shorter prompts are padded on the left, sequence b by padding[b] tokens."""
        ...

    def hidden(self, tokens: mx.array, cache: Cache) -> mx.array:
        """tokens: (B, L) -> (B, L, D), the states before the output head. Extends the cache by L tokens.

        Any split of a prompt into calls gives the same states as one call.
        """
        ...

    def logits(self, hidden: mx.array) -> mx.array:
        """hidden: (B, L, D) -> (B, L, V)."""
        ...


@dataclass(frozen=True)
class Family:
    """One model family: how its checkpoints are read and how its prompts are written.

    `Config` below is the family's own frozen dataclass; other rooms hand it back without looking inside. Its `repr`
    tells any two of them apart, also in another process.
    """

    name: str
    read_config: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
    """(config.json, preprocessor_config.json) -> Config. Raises ModelFormatError naming the key that is at fault."""
    build: Callable[[Any], nn.Module]
    """Config -> a `Net`. Its parameter paths are the hub layout's keys; only kernels differ: (O, kH, kW, I)."""
    rename: Callable[[str], str | None]
    """A key of any layout these checkpoints come in -> the net's parameter path, or None to leave the tensor out."""
    is_tower: Callable[[str], bool]
    """Whether only `Net.encode` needs a parameter, told by its path."""
    request_bytes: Callable[[Any, int, int], int]
    """(Config, images, tokens) -> 16-bit bytes a request needs beside the weights: caches and largest activations."""
    context_length: Callable[[Any], int]
    """Config -> how many tokens a conversation may have."""
    preprocess: Callable[[Image, Any], ImageInput]
    """Picture -> input, bit-identical to the reference's processor."""
    render: Callable[[Sequence[Message], Tokenizer, Any], list[int]]
    """Messages -> token ids of the whole prompt, one image token for each image. Raises UsageError, ImageError."""
    image_token: Callable[[Any], int]
    """Config -> the token that stands for an image in a rendered prompt, or opens the span of tokens that does."""
    stop_tokens: Callable[[Tokenizer], frozenset[int]]
    """The tokens that end an answer."""
    rows: Callable[[Any], Rows]
    """Config -> how text is laid out for it where a picture is read line by line."""
    boxes: Callable[[str, Receipt], tuple[tuple[str, Box], ...]] | None = None
    """(answer, what was shown) -> labels and boxes in the upright picture, of a model that tells where things are."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: what every session and request shares.

    name: as the caller gave it. revision: names the weights: a digest of the tensors, or of what a manifest says.
    reading: how a model that was trained on rows of text reads; None for all others. forced: whether it was loaded
    whatever the estimate said, so that no request is refused for its memory either.
    """

    name: str
    revision: str
    family: Family
    config: Any
    net: Net
    tokenizer: Tokenizer
    reading: Reading | None = None
    forced: bool = False
