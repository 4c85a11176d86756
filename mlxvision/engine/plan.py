"""How a request is carried out: with the pictures as they are, by reading their lines, or by one and then the other.

A model that reads rows of text (`Model.reading`) answers other questions from what it read together with the picture.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from mlxvision.engine.answer import Answer, Emit, Interruption
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.memory import Memory
from mlxvision.engine.page import Page
from mlxvision.errors import UsageError
from mlxvision.family import Model
from mlxvision.types import Done, Image, Message, Request


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
        text = shorten_transcript(done.text, reading.transcript_chars)
        return text, done.finish_reason not in ("cancelled", "time")

    shown = [image for message in request.messages for image in message.images]
    transcripts = {i.sha256: cache.transcript(model, i, limit, lambda i=i: read(i)) for i in shown}
    read_ms = round((time.perf_counter() - began) * 1000, 3)
    informed = tuple(_informed(message, transcripts) for message in request.messages)
    done = Answer(model, replace(request, messages=informed), memory, cache, emit, interruption).run()
    return replace(done, timings_ms={"read": read_ms, **done.timings_ms})


def shows_whole(model: Model, request: Request) -> bool:
    """Whether the pictures are shown as they are, and nothing is read before."""
    return request.plan == "whole" or (request.plan == "auto" and not model.reading)


def _informed(message: Message, transcripts: Mapping[str, str]) -> Message:
    """Every picture is followed by its text."""
    content: list[str | Image] = []
    for part in message.content:
        content.append(part)
        if isinstance(part, Image) and (text := transcripts[part.sha256]):
            content.append(f"{text}\n\n")
    return replace(message, content=tuple(content))


def shorten_transcript(text: str, most: int) -> str:
    """Whole lines of the beginning and of the end: names stand above, sums below."""
    if len(text) <= most:
        return text
    head, tail = text[: most // 2], text[-(most // 2) :]
    return head[: head.rfind("\n") + 1] + tail[tail.find("\n") + 1 :]
