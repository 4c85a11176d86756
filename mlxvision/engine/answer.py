"""One answer, from messages to its last token. Runs on the MLX thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, cast

import mlx.core as mx

from mlxvision.engine.guards import LoopDetector, StopText
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.memory import Memory
from mlxvision.engine.sampling import Choice, Sampler
from mlxvision.errors import UsageError
from mlxvision.family import Cache, Model
from mlxvision.text import Detokenizer
from mlxvision.types import Done, FinishReason, Image, Progress, Request, Token, Usage

_CHUNK = 512

Emit = Callable[[Progress | Token], None]


Interruption = Callable[[], FinishReason | None]
"""Why the work is to stop now, or None."""


class Interrupted(Exception):
    """Raised between two steps of the work once nobody wants it any more, or its time is over."""

    def __init__(self, reason: FinishReason) -> None:
        self.reason: FinishReason = reason


class Answer:
    """Carries a request through encode, prefill and generate, and tells emit what happens."""

    def __init__(
        self,
        model: Model,
        request: Request,
        memory: Memory,
        images: ImageCache,
        emit: Emit,
        interruption: Interruption,
    ) -> None:
        self._model, self._request, self._memory, self._images = model, request, memory, images
        self._emit, self._interruption = emit, interruption
        self._timings_ms = {"encode": 0.0, "prefill": 0.0, "generate": 0.0}
        self._tokens: list[Token] = []

    def run(self) -> Done:
        """What was answered, also when interrupted.

        Raises: MLXVisionError. The conversation's next request then computes everything anew.
        """
        images = [image for message in self._request.messages for image in message.images]
        prompt = self._prompt(images)
        n_cached = 0
        try:
            cache = self._memory.resume(self._model, prompt, [image.sha256 for image in images])
            n_cached = cache.offset
            with self._timed("encode"):
                self._encode(images, cache)
            with self._timed("prefill"):
                hidden = self._prefill(prompt[n_cached:], cache)
            with self._timed("generate"):
                reason = self._generate(hidden, cache, len(prompt))
        except Interrupted as interrupted:
            reason = interrupted.reason
        except BaseException:
            self._memory.forget()
            raise
        self._memory.hold([token.id for token in self._tokens])
        shown = self._memory.images
        usage = Usage(len(prompt), n_cached, len(self._tokens), sum(image.n_tokens for image in shown))
        text = "".join(token.text for token in self._tokens)
        # One picture may have come from two places.
        receipts = tuple(
            replace(s.receipt, source=i.source, orientation=i.orientation) for s, i in zip(shown, images, strict=False)
        )
        return Done(text, tuple(self._tokens), reason, usage, receipts, self._timings_ms)

    def _prompt(self, images: list[Image]) -> list[int]:
        model = self._model
        prompt = model.family.render(self._request.messages, model.tokenizer, model.config)
        limit = model.family.context_length(model.config)
        if len(prompt) >= limit:
            raise UsageError(
                "the conversation is longer than the model's context",
                f"{len(prompt)} tokens of at most {limit}",
                "Shorten the prompt or start a new conversation",
            )
        return prompt

    def _encode(self, images: list[Image], cache: Cache) -> None:
        """Give the cache the images that it lacks."""
        n_held = len(self._memory.images)
        for number, image in enumerate(images):
            self._progress("encode", number, len(images))
            if number >= n_held:
                self._memory.show(cache, image.sha256, *self._images.encode(self._model, image, self._check))

    def _prefill(self, tokens: list[int], cache: Cache) -> mx.array:
        """-> (1, 1, D), the state of the last token."""
        hidden = mx.zeros(0)
        for start in range(0, len(tokens), _CHUNK):
            self._progress("prefill", start, len(tokens))
            hidden = self._model.net.hidden(mx.array([tokens[start : start + _CHUNK]]), cache)
            mx.eval(hidden, cache.arrays)
        return hidden[:, -1:]

    def _generate(self, hidden: mx.array, cache: Cache, n_prompt: int) -> FinishReason:
        sampling, tokenizer = self._request.sampling, self._model.tokenizer
        stop_tokens = self._model.family.stop_tokens(tokenizer)
        limit = min(sampling.max_tokens, self._model.family.context_length(self._model.config) - n_prompt)
        loop, detokenizer, stop_text = LoopDetector(), Detokenizer(tokenizer), StopText(sampling.stop)
        reason: FinishReason = "length"
        for count, choice in enumerate(self._choices(hidden, cache, limit), 1):
            token = cast(int, choice.token.item())
            text = stop_text.add(detokenizer.add(token))
            if token in stop_tokens:
                reason = "stop"
            elif loop.add(token):
                reason = "repetition"
            ended = reason != "length" or count == limit
            if ended:
                text += stop_text.add(detokenizer.flush()) + stop_text.flush()
            if stop_text.hit:
                reason = "stop"
            self._take(token, text, choice)
            if ended or stop_text.hit:
                break
        return reason

    def _choices(self, hidden: mx.array, cache: Cache, limit: int) -> Iterator[Choice]:
        """Computes one token ahead of the one it gives, so that the device never waits: one evaluation per token."""
        net, sampler = self._model.net, Sampler(self._request.sampling)
        choice = sampler(net.logits(hidden)[0, -1])
        mx.async_eval(choice.arrays)
        for _ in range(limit - 1):
            self._check()
            ahead = sampler(net.logits(net.hidden(choice.token[None, None], cache))[0, -1])
            mx.async_eval(ahead.arrays)
            yield choice
            choice = ahead
        self._check()
        yield choice

    def _take(self, token: int, text: str, choice: Choice) -> None:
        decode = self._model.tokenizer.decode
        top = zip(cast(list[int], choice.top.tolist()), cast(list[float], choice.top_logprobs.tolist()), strict=True)
        alternatives = tuple((other, decode([other]), logprob) for other, logprob in top)
        self._tokens.append(Token(token, text, cast(float, choice.logprob.item()), alternatives))
        self._emit(self._tokens[-1])

    def _progress(self, stage: Literal["encode", "prefill"], done: int, total: int) -> None:
        self._check()
        self._emit(Progress(stage, done, total))

    def _check(self) -> None:
        if reason := self._interruption():
            raise Interrupted(reason)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._timings_ms[stage] = round((time.perf_counter() - start) * 1000, 3)
