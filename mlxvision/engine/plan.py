"""How a request is carried out: with the pictures as they are, by reading their lines, or by one and then the other.

A model that reads rows of text (`Model.reading`) says what there is to see in a picture and what it reads there before
it answers other questions, from all of that together with the picture.
"""

from __future__ import annotations

import time
from dataclasses import replace

import PIL.Image

from mlxvision.engine.answer import INTERRUPTED, Answer, Emit, Interruption
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.memory import Memory
from mlxvision.engine.page import Page, receipt_of
from mlxvision.errors import UsageError
from mlxvision.family import Model
from mlxvision.images import open_image
from mlxvision.reading import overview
from mlxvision.types import Done, Image, Message, Receipt, Request, Sampling

_LONGEST_LOOK = 512


def carry_out(
    model: Model, request: Request, memory: Memory, cache: ImageCache, emit: Emit, interruption: Interruption
) -> Done:
    """Raises: MLXVisionError"""
    images, reading = request.images, model.reading
    to_read = reading is not None and request.prompt.strip().startswith(reading.requests)
    if request.plan == "zoom" and len(images) != 1:
        raise UsageError("the plan `zoom` reads one picture", f"{len(images)} pictures", "Give one image")
    if request.plan == "zoom" or (request.plan == "auto" and to_read and len(images) == 1):
        prompt = reading.sheet_request if reading and to_read else request.prompt
        return Page(model, images[0], prompt, request.sampling.max_tokens, interruption).read(emit)
    if not reading or shows_whole(model, request):
        return Answer(model, request, memory, cache, emit, interruption).run()
    began = time.perf_counter()
    limit = request.sampling.max_tokens

    def read(image: Image) -> tuple[str, bool]:
        done = Page(model, image, reading.sheet_request, limit, interruption).read(lambda _: None)
        return shorten_transcript(done.text, reading.transcript_chars), done.finish_reason not in INTERRUPTED

    def look(asked: Message) -> tuple[str, bool]:
        looking = replace(request, messages=(asked,), sampling=Sampling(max_tokens=_LONGEST_LOOK))
        done = Answer(model, looking, memory, cache, lambda _: None, interruption).run()
        return done.text, done.finish_reason not in INTERRUPTED

    seen: list[Message] = []
    receipts: list[Receipt] = []
    for message in request.messages:
        for image in message.images:
            text = cache.said(model, image, reading.sheet_request, limit, lambda i=image: read(i))
            canvas, size = overview(image.pixels, reading.look_px, reading.rows.canvas_px)
            receipts.append(receipt_of(image, size, reading.rows.canvas_px, 1))
            told = f"{text}\n\n{reading.look_request}" if text else reading.look_request
            asked = Message("user", (open_image(PIL.Image.fromarray(canvas)), told))
            answer = cache.said(model, image, reading.look_request, limit, lambda a=asked: look(a))
            seen += [asked, Message("assistant", (answer,))]
        seen.append(replace(message, content=message.texts))
    read_ms = round((time.perf_counter() - began) * 1000, 3)
    done = Answer(model, replace(request, messages=tuple(seen)), memory, cache, emit, interruption).run()
    return replace(done, receipts=tuple(receipts), timings_ms={"read": read_ms, **done.timings_ms})


def shows_whole(model: Model, request: Request) -> bool:
    """Whether the pictures are shown as they are, and nothing is read before."""
    return request.plan == "whole" or (request.plan == "auto" and not model.reading)


def shorten_transcript(text: str, most: int) -> str:
    """Whole lines of the beginning and of the end: names stand above, sums below."""
    if len(text) <= most:
        return text
    head, tail = text[: most // 2], text[-(most // 2) :]
    return head[: head.rfind("\n") + 1] + tail[tail.find("\n") + 1 :]
