"""One answer, from messages to its last token. Runs on the MLX thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, cast

import mlx.core as mx

from mlxvision.engine.draft import Draft
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.lookup import Lookup, Rehearsal, pays
from mlxvision.engine.memory import Memory
from mlxvision.engine.sampling import Choice, Sampler
from mlxvision.errors import UsageError
from mlxvision.family import Cache, Model, Net
from mlxvision.loading.memory import check_request
from mlxvision.types import Done, FinishReason, Image, Message, Progress, Receipt, Request, Token, Usage

_CHUNK = 512

Emit = Callable[[Progress | Token], None]


Interruption = Callable[[], FinishReason | None]
"""Why the work is to stop now, or None."""

INTERRUPTED = ("cancelled", "time")


class Interrupted(Exception):
    """Raised between two steps of the work once nobody wants it any more, or its time is over."""

    def __init__(self, reason: FinishReason) -> None:
        self.reason: FinishReason = reason


def to_prompt(model: Model, messages: Sequence[Message]) -> list[int]:
    """Raises: UsageError"""
    prompt = model.family.render(messages, model.tokenizer, model.config)
    limit = model.family.context_length(model.config)
    if len(prompt) >= limit:
        raise UsageError(
            "the conversation is longer than the model's context",
            f"{len(prompt)} tokens of at most {limit}",
            "Shorten the prompt or start a new conversation",
        )
    return prompt


def to_receipts(receipts: Sequence[Receipt], images: Sequence[Image]) -> tuple[Receipt, ...]:
    """What was found by content, with the names of the pictures at hand: one picture may come from two places."""
    pairs = zip(receipts, images, strict=False)
    return tuple(replace(receipt, source=i.source, orientation=i.orientation) for receipt, i in pairs)


def prefill(net: Net, tokens: mx.array, cache: Cache, before_chunk: Callable[[int], None]) -> mx.array:
    """tokens: (B, L) -> (B, 1, D), the states of the last ones. before_chunk: is told how many are done."""
    hidden = mx.zeros(0)
    for start in range(0, tokens.shape[1], _CHUNK):
        before_chunk(start)
        hidden = net.hidden(tokens[:, start : start + _CHUNK], cache)
        mx.eval(hidden, cache.arrays)
    return hidden[:, -1:]


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

    def run(self) -> Done:
        """What was answered, also when interrupted.

        Raises: MLXVisionError. The conversation's next request then computes everything anew.
        """
        images = [image for message in self._request.messages for image in message.images]
        prompt = to_prompt(self._model, self._request.messages)
        sampling = self._request.sampling
        draft = Draft(self._model, sampling, len(prompt))
        n_cached = 0
        try:
            cache = self._memory.resume(self._model, prompt, [image.sha256 for image in images])
            n_cached, n_held = cache.offset, len(self._memory.images)
            with self._timed("encode"):
                self._encode(images, cache)
            added = self._memory.images[n_held:]
            check_request(self._model, len(prompt) - n_cached, sampling.max_tokens, [i.n_tokens for i in added])
            with self._timed("prefill"):
                hidden = self._prefill(prompt[n_cached:], cache)
            with self._timed("generate"):
                self._generate(hidden, cache, draft, prompt)
        except Interrupted as interrupted:
            draft.reason = interrupted.reason
        except BaseException:
            self._memory.forget()
            raise
        self._memory.hold([token.id for token in draft.tokens])
        shown = self._memory.images
        usage = Usage(len(prompt), n_cached, len(draft.tokens), sum(image.n_tokens for image in shown))
        return draft.done(usage, to_receipts([image.receipt for image in shown], images), self._timings_ms)

    def _encode(self, images: list[Image], cache: Cache) -> None:
        """Give the cache the images that it lacks."""
        n_held = len(self._memory.images)
        for number, image in enumerate(images):
            self._progress("encode", number, len(images))
            if number >= n_held:
                self._memory.show(cache, image.sha256, *self._images.encode(self._model, image, self._check))

    def _prefill(self, tokens: list[int], cache: Cache) -> mx.array:
        """-> (1, 1, D), the state of the last token."""
        return prefill(
            self._model.net, mx.array([tokens]), cache, lambda start: self._progress("prefill", start, len(tokens))
        )

    def _generate(self, hidden: mx.array, cache: Cache, draft: Draft, prompt: Sequence[int]) -> None:
        """Computes ahead of the token it takes, so that the device never waits: at most one evaluation per token.

        Of a greedy answer, the tokens that are guessed to follow go through the decoder together with that token.
        """
        net, sampling, guess = self._model.net, self._request.sampling, []
        may_guess = sampling.temperature == 0 and sampling.repetition_penalty == 1 and pays()
        lookup = Lookup(prompt) if may_guess else None
        rehearsal, sampler = Rehearsal(net), Sampler(sampling)
        ahead = _choose(net.logits(hidden)[0], sampler)
        choice = ahead[0]
        while not draft.reason:
            self._check()
            if not draft.ends_next:
                guess = lookup.guess() if lookup and rehearsal.allows(cache, lookup.tokens) else []
                tokens = mx.stack([choice.token, *map(mx.array, guess)])
                logits = net.logits(net.hidden(tokens[None], cache))[0]
                ahead = _choose(logits, sampler)
                rehearsal.add(logits)
            self._take(choice, draft, lookup)
            choice = self._take_guessed(guess, ahead, draft, lookup)
            if lookup and cache.offset > len(lookup.tokens):
                cache.trim(lookup.tokens)

    def _take_guessed(self, guess: list[int], ahead: list[Choice], draft: Draft, lookup: Lookup | None) -> Choice:
        """Take the choices ahead for as long as they are as guessed -> the first that is not, to be taken next."""
        for guessed, choice in zip(guess, ahead, strict=False):
            draft.reason = draft.reason or self._interruption()
            if draft.reason or choice.token.item() != guessed:
                return choice
            self._take(choice, draft, lookup)
        return ahead[-1]

    def _take(self, choice: Choice, draft: Draft, lookup: Lookup | None) -> None:
        decode = self._model.tokenizer.decode
        top = zip(cast(list[int], choice.top.tolist()), cast(list[float], choice.top_logprobs.tolist()), strict=True)
        alternatives = tuple((other, decode([other]), logprob) for other, logprob in top)
        draft.add(cast(int, choice.token.item()), cast(float, choice.logprob.item()), alternatives)
        if lookup:
            lookup.add(draft.tokens[-1].id)
        self._emit(draft.tokens[-1])

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


def _choose(logits: mx.array, sampler: Sampler) -> list[Choice]:
    """logits: (L, V) -> what follows each of L tokens, being computed."""
    choices = [sampler(row) for row in logits]
    mx.async_eval(choices)
    return choices
