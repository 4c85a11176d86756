"""The values that travel between rooms: plain, frozen, without behaviour worth testing alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Done",
    "Event",
    "FinishReason",
    "Image",
    "Message",
    "Progress",
    "Receipt",
    "Request",
    "Sampling",
    "Token",
    "Usage",
]

FinishReason = Literal["stop", "length", "cancelled", "repetition"]


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An opened picture: upright, opaque, sRGB.

    pixels: (height, width, 3) uint8.
    source: what the caller gave, shortened for display; never opened again.
    orientation: the EXIF orientation (1 to 8) that was applied.
    sha256: of the decoded picture (size and pixels), so it names the content and not the file.
    """

    pixels: np.ndarray
    source: str
    orientation: int
    sha256: str

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: texts and images in the order in which the model meets them."""

    role: Literal["system", "user", "assistant"]
    content: tuple[str | Image, ...]

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.content if not isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. The default is greedy.

    temperature: 0 takes the likeliest token; top_p, top_k and min_p then have no effect.
    top_k: 0 keeps all. min_p: keeps tokens at least min_p times as likely as the likeliest.
    repetition_penalty: divides (or multiplies, if negative) the logits of tokens already in the answer.
    logprobs: how many alternatives to report with every token.
    """

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A conversation whose last message waits for an answer."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the model was shown of one image; sizes in pixels, tiles in the model's own unit.

    width, height: of the upright picture. scaled_*: after resizing. canvas_*: with padding.
    """

    source: str
    sha256: str
    orientation: int
    width: int
    height: int
    scaled_width: int
    scaled_height: int
    canvas_width: int
    canvas_height: int
    tiles: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was paid. prompt_tokens: of the whole prompt; cached_tokens: of the part that was not computed again."""

    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    image_tokens: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage of the work; done counts up to total within a stage."""

    stage: Literal["encode", "prefill"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Token:
    """One decoded token. text may be empty while a character is incomplete.

    alternatives: the `Sampling.logprobs` likeliest tokens as (id, text, logprob), likeliest first.
    """

    id: int
    text: str
    logprob: float
    alternatives: tuple[tuple[int, str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an answer. timings_ms: wall time of encode, prefill and generate."""

    text: str
    tokens: tuple[Token, ...]
    finish_reason: FinishReason
    usage: Usage
    receipts: tuple[Receipt, ...]
    timings_ms: dict[str, float]


Event = Progress | Token | Done
