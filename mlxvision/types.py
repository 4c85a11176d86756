"""The values that travel between rooms: plain, frozen, without behaviour worth testing alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Box",
    "Done",
    "Event",
    "FinishReason",
    "Image",
    "Line",
    "Message",
    "Plan",
    "Progress",
    "Reading",
    "Receipt",
    "Request",
    "Rows",
    "Sampling",
    "Token",
    "Usage",
]

FinishReason = Literal["stop", "length", "cancelled", "repetition", "time"]
Plan = Literal["auto", "whole", "zoom"]


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
class Box:
    """A rectangle in pixels of the upright picture; right and bottom lie outside of it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text that was read. confidence: the mean probability of its tokens, 0 to 1."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Rows:
    """How a model likes text to be laid out: dark on white, rows of one height on a square canvas.

    canvas_px: a side of the canvas. row_px: the height of a row. em_px: the size of the font in it.
    """

    canvas_px: int
    row_px: int
    em_px: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model that was trained on rows of text reads a picture.

    requests: the prompts that ask for the text of a picture; every other prompt is answered from what was read and the
    picture together. sheet_request: the prompt that goes with a canvas of rows. row_marks: an answer that begins with
    the first of these reads the first row, and so on. row_tokens: (first, count), of an image's tokens row i sees
    only the count from first + i * count, from the last token of its mark on. transcript_chars: how much of what was
    read goes with a question. look_px: how long the longer side of a picture is when all of it is shown. look_request:
    what is asked about it before any question. find_request: what is put before a question to be told where the answer
    stands.
    """

    requests: tuple[str, ...]
    sheet_request: str
    row_marks: tuple[str, ...]
    row_tokens: tuple[int, int]
    transcript_chars: int
    look_px: int
    look_request: str
    find_request: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: texts and images in the order in which the model meets them."""

    role: Literal["system", "user", "assistant"]
    content: tuple[str | Image, ...]

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.content if not isinstance(part, str))

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(part for part in self.content if isinstance(part, str))


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
    """A conversation whose last message waits for an answer.

    plan: "whole" shows each picture at once; "zoom" finds the lines of the last message's one picture and puts the
    prompt to canvases of rows, each with at most `max_tokens`, greedily; "auto" does what suits the model.
    deadline_s: seconds after which the answer ends with what is there, from when it was asked for.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    plan: Plan = "auto"
    deadline_s: float | None = None

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        return "".join(text for message in self.messages[-1:] for text in message.texts)

    @property
    def images(self) -> tuple[Image, ...]:
        """Those of the last message."""
        return tuple(image for message in self.messages[-1:] for image in message.images)


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

    stage: Literal["queue", "load", "read", "encode", "prefill"]
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
    """The end of an answer.

    timings_ms: wall time of encode, prefill and generate, and of finding lines if there was a reading plan.
    lines: what was read line by line, in reading order, where the plan was to zoom; empty otherwise.
    """

    text: str
    tokens: tuple[Token, ...]
    finish_reason: FinishReason
    usage: Usage
    receipts: tuple[Receipt, ...]
    timings_ms: dict[str, float]
    lines: tuple[Line, ...] = ()


Event = Progress | Token | Done
