"""Greedy answers that grow together, one token of each at a time. Runs on the MLX thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import mlx.core as mx

from mlxvision.engine.answer import Interruption, prefill
from mlxvision.engine.draft import Draft
from mlxvision.family import Cache, EncodedImage, Model
from mlxvision.types import Sampling

RowMark = tuple[list[int], slice]
"""The tokens with which the answer about a row begins, all of one number, and which of the image's tokens it sees."""


class Batch:
    """Drafts may join at any time, with prompts and images of their own; each leaves when it has ended."""

    def __init__(self, model: Model) -> None:
        self.drafts: list[Draft] = []
        self._model = model
        self._cache: Cache | None = None
        self._next = mx.zeros(0), mx.zeros(0)  # the token that each draft is to take, and its log-probability

    def add(
        self,
        drafts: Sequence[Draft],
        prompts: Sequence[list[int]],
        images: Sequence[Sequence[EncodedImage]],
        before_chunk: Callable[[int], None],
    ) -> None:
        """images: of each prompt, in order. before_chunk: as in `prefill`."""
        net, L = self._model.net, max(map(len, prompts))
        filling = int(self._model.family.image_token(self._model.config) == 0)  # any token but an image's
        cache = net.make_cache([L - len(prompt) for prompt in prompts])
        for row, shown in enumerate(images):
            for image in shown:
                cache.add_image(image, row)
        tokens = mx.array([[filling] * (L - len(prompt)) + prompt for prompt in prompts])
        self.join(drafts, cache, prefill(net, tokens, cache, before_chunk))

    def join(self, drafts: Sequence[Draft], cache: Cache, hidden: mx.array) -> None:
        """Drafts that have a cache already; hidden: (B, 1, D), the states of their prompts' last tokens."""
        begun = _likeliest(self._model.net.logits(hidden))
        if self._cache is None:
            self._cache, self._next = cache, begun
        else:
            self._cache.join(cache)
            self._next = mx.concatenate([self._next[0], begun[0]]), mx.concatenate([self._next[1], begun[1]])
        self.drafts += drafts
        mx.clear_cache()  # it would keep buffers of every shape that a batch ever had

    def step(self) -> list[Draft]:
        """Give each draft a token -> those that ended."""
        if self._cache is None:
            return []
        net, (tokens, logprobs) = self._model.net, self._next
        if not all(draft.ends_next for draft in self.drafts):  # one step ahead, so that the device never waits
            self._next = _likeliest(net.logits(net.hidden(tokens[:, None], self._cache)))
            mx.async_eval(self._next)
        for draft, token, logprob in zip(
            self.drafts, cast(list[int], tokens.tolist()), cast(list[float], logprobs.tolist()), strict=True
        ):
            draft.add(token, logprob)
        ended = [draft for draft in self.drafts if draft.reason]
        if ended:
            self._keep([row for row, draft in enumerate(self.drafts) if not draft.reason])
        return ended

    def _keep(self, rows: list[int]) -> None:
        self.drafts = [self.drafts[row] for row in rows]
        if self._cache and rows:
            index = mx.array(rows)
            self._next = self._next[0][index], self._next[1][index]
            self._cache.keep(rows)
        else:
            self._cache = None


def answer_all(
    model: Model,
    prompt: list[int],
    images: Sequence[EncodedImage],
    max_tokens: int,
    interruption: Interruption,
) -> list[Draft]:
    """One answer about each image. Answers that are interrupted hold what was said so far."""
    batch, sampling = Batch(model), Sampling(max_tokens=max_tokens)
    drafts = [Draft(model, sampling, len(prompt)) for _ in images]
    batch.add(drafts, [prompt] * len(images), [[image] for image in images], lambda _: None)
    _finish(batch, interruption)
    return drafts


def answer_rows(
    model: Model,
    prompt: list[int],
    images: Sequence[EncodedImage],
    rows: Sequence[Sequence[RowMark]],
    max_tokens: int,
    interruption: Interruption,
) -> list[Draft]:
    """What stands in each row of each image. Answers that are interrupted hold what was said so far."""
    net, cache = model.net, model.net.make_cache([0] * len(images))
    for number, image in enumerate(images):
        cache.add_image(image, number)
    prefill(net, mx.array([prompt] * len(images)), cache, lambda _: None)
    cache.keep([number for number, own in enumerate(rows) for _ in own])
    marks, parts = zip(*(row for own in rows for row in own), strict=True)
    tokens = mx.array(marks)
    if tokens.shape[1] > 1:
        net.hidden(tokens[:, :-1], cache)
    cache.narrow(parts)
    drafts = [Draft(model, Sampling(max_tokens=max_tokens), len(prompt) + tokens.shape[1]) for _ in marks]
    batch = Batch(model)
    batch.join(drafts, cache, net.hidden(tokens[:, -1:], cache))
    _finish(batch, interruption)
    return drafts


def _finish(batch: Batch, interruption: Interruption) -> None:
    while batch.drafts:
        if reason := interruption():
            for draft in batch.drafts:
                draft.reason = reason
            break
        batch.step()


def _likeliest(logits: mx.array) -> tuple[mx.array, mx.array]:
    """logits: (B, 1, V) -> the likeliest tokens (B,) and their log-probabilities (B,)"""
    logits = logits[:, -1].astype(mx.float32)
    return mx.argmax(logits, axis=-1), mx.max(logits, axis=-1) - mx.logsumexp(logits, axis=-1)
