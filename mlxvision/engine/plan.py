"""How a request is carried out: with the pictures as they are, by reading their lines, or by one and then the other.

A model that reads rows of text (`Model.reading`) reads a picture, names its figures and counts what there is before it
is asked anything else; then it quotes where the answer stands, and answers from all of that together with the picture.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import PIL.Image

from mlxvision.engine.answer import INTERRUPTED, Answer, Emit, Interruption
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.meeting import Meeting
from mlxvision.engine.memory import Memory
from mlxvision.engine.page import Page, receipt_of
from mlxvision.errors import UsageError
from mlxvision.family import Model
from mlxvision.images import open_image
from mlxvision.reading import overview
from mlxvision.types import Done, Image, Message, Reading, Receipt, Request, Sampling

_LONGEST_COUNT, _LONGEST_QUOTE = 512, 256


def carry_out(
    model: Model, request: Request, memory: Memory, cache: ImageCache, emit: Emit, interruption: Interruption
) -> Done:
    """Raises: MLXVisionError"""
    images, reading = request.images, model.reading
    # Machines that share a decoder go through it together, but each may remember something else.
    texts = ImageCache(0) if isinstance(model.net, Meeting) else cache
    to_read = reading is not None and request.prompt.strip().startswith(reading.requests)
    if request.plan == "zoom" and len(images) != 1:
        raise UsageError("the plan `zoom` reads one picture", f"{len(images)} pictures", "Give one image")
    if request.plan == "zoom" or (request.plan == "auto" and to_read and len(images) == 1):
        prompt = reading.sheet_request if reading and to_read else request.prompt
        return Page(model, images[0], prompt, request.sampling.max_tokens, texts, interruption).read(emit)
    if not reading or shows_whole(model, request):
        return Answer(model, request, memory, cache, emit, interruption).run()
    began = time.perf_counter()
    prepared = _Preparation(model, reading, request, memory, cache, texts, interruption)
    *told, asked = (turn for message in request.messages for turn in prepared.turns(message))
    messages = (*told, *prepared.find(told, asked), asked)
    read_ms = round((time.perf_counter() - began) * 1000, 3)
    done = Answer(model, replace(request, messages=messages), memory, cache, emit, interruption).run()
    return replace(done, receipts=tuple(prepared.receipts), timings_ms={"read": read_ms, **done.timings_ms})


@dataclass(frozen=True, slots=True)
class _Preparation:
    """What is done for a model that reads before a question is put to it."""

    model: Model
    reading: Reading
    request: Request
    memory: Memory
    cache: ImageCache
    texts: ImageCache
    interruption: Interruption
    receipts: list[Receipt] = field(default_factory=list)

    def turns(self, message: Message) -> Iterator[Message]:
        """For each picture a turn that tells what was read of it, and one that counts; then the message without it."""
        for image in message.images:
            said, limit = partial(self.texts.said, self.model, image), self.request.sampling.max_tokens
            told = said((self.reading.sheet_request, limit), lambda i=image: self._tell(i))
            canvas, size = overview(image.pixels, self.reading.look_px, self.reading.rows.canvas_px)
            self.receipts.append(receipt_of(image, size, self.reading.rows.canvas_px, 1))
            shown = open_image(PIL.Image.fromarray(canvas))
            asked = Message("user", (shown, "\n\n".join(filter(None, (told, self.reading.look_request)))))
            yield asked
            counted = said((self.reading.look_request, limit), lambda a=asked: self._count(a))
            yield Message("assistant", (counted,))
        yield replace(message, content=message.texts)

    def find(self, told: Sequence[Message], asked: Message) -> tuple[Message, Message]:
        """What is asked before the question, and the quotation."""
        finding = Message("user", (self.reading.find_request, *asked.texts))
        return finding, Message("assistant", (self._say((*told, finding), _LONGEST_QUOTE).text,))

    def _tell(self, image: Image) -> tuple[str, bool]:
        asked = self.reading.sheet_request, self.request.sampling.max_tokens
        page = Page(self.model, image, *asked, self.texts, self.interruption)
        text, figures = page.tell()
        told = shorten_transcript(text, self.reading.transcript_chars), figures
        return "\n\n".join(filter(None, told)), not page.interrupted

    def _count(self, asked: Message) -> tuple[str, bool]:
        done = self._say((asked,), _LONGEST_COUNT)
        return done.text, done.finish_reason not in INTERRUPTED

    def _say(self, messages: tuple[Message, ...], max_tokens: int) -> Done:
        asking = replace(self.request, messages=messages, sampling=Sampling(max_tokens=max_tokens))
        return Answer(self.model, asking, self.memory, self.cache, lambda _: None, self.interruption).run()


def shows_whole(model: Model, request: Request) -> bool:
    """Whether the pictures, if there are any, are shown as they are, and nothing is read before."""
    if not any(message.images for message in request.messages):
        return True
    return request.plan == "whole" or (request.plan == "auto" and not model.reading)


def shorten_transcript(text: str, most: int) -> str:
    """Whole lines of the beginning and of the end: names stand above, sums below."""
    if len(text) <= most:
        return text
    head, tail = text[: most // 2], text[-(most // 2) :]
    return head[: head.rfind("\n") + 1] + tail[tail.find("\n") + 1 :]
