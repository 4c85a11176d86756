"""Greedy answers to several prompts of one length at once. Runs on the MLX thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import mlx.core as mx

from mlxvision.engine.answer import Interruption
from mlxvision.engine.guards import LoopDetector
from mlxvision.family import EncodedImage, Model
from mlxvision.text import Detokenizer
from mlxvision.types import FinishReason, Token


@dataclass
class BatchAnswer:
    """What is said to one of the prompts; reason is None until it ends."""

    detokenizer: Detokenizer
    loop: LoopDetector = field(default_factory=LoopDetector)
    tokens: list[Token] = field(default_factory=list)
    reason: FinishReason | None = None

    def add(self, token: int, logprob: float, stop_tokens: frozenset[int]) -> None:
        if self.reason:
            return
        text = self.detokenizer.add(token)
        if token in stop_tokens:
            self.reason = "stop"
        elif self.loop.add(token):
            self.reason = "repetition"
        self.tokens.append(Token(token, text, logprob))

    def end(self, reason: FinishReason) -> None:
        self.reason = self.reason or reason


def answer_all(
    model: Model,
    prompts: list[list[int]],
    images: Sequence[EncodedImage],
    max_tokens: int,
    interruption: Interruption,
) -> list[BatchAnswer]:
    """One answer for each prompt and its image. Answers that are interrupted hold what was said so far."""
    net, stop_tokens = model.net, model.family.stop_tokens(model.tokenizer)
    answers = [BatchAnswer(Detokenizer(model.tokenizer)) for _ in prompts]
    cache = net.make_cache([0] * len(prompts))
    for row, image in enumerate(images):
        cache.add_image(image, row)
    limit = min(max_tokens, model.family.context_length(model.config) - len(prompts[0]))
    tokens, logprobs = _likeliest(net.logits(net.hidden(mx.array(prompts), cache)[:, -1:]))
    ending: FinishReason = "length"
    for count in range(1, limit + 1):
        if reason := interruption():
            ending = reason
            break
        current = tokens, logprobs
        if count < limit:  # one step ahead, so that the device never waits
            tokens, logprobs = _likeliest(net.logits(net.hidden(tokens[:, None], cache)))
            mx.async_eval(tokens, logprobs)
        for answer, token, logprob in zip(answers, *(cast(list, x.tolist()) for x in current), strict=True):
            answer.add(token, logprob, stop_tokens)
        if all(answer.reason for answer in answers):
            break
    for answer in answers:
        answer.end(ending)
    return answers


def _likeliest(logits: mx.array) -> tuple[mx.array, mx.array]:
    """logits: (B, 1, V) -> the likeliest tokens (B,) and their log-probabilities (B,)"""
    logits = logits[:, -1].astype(mx.float32)
    return mx.argmax(logits, axis=-1), mx.max(logits, axis=-1) - mx.logsumexp(logits, axis=-1)
