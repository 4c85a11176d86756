"""From logits to a token, as one lazy graph, so that choosing a token costs no evaluation of its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import mlx.core as mx

from mlxvision.errors import UsageError
from mlxvision.types import Sampling

_MOST_TOKENS = 1 << 20
_MOST_LOGPROBS = 100


class Choice(NamedTuple):
    """A token to be, not yet evaluated.

    token: () int. logprob: () under the model's own distribution. top: (K,) the likeliest tokens, and top_logprobs.
    """

    token: mx.array
    logprob: mx.array
    top: mx.array
    top_logprobs: mx.array


def check_sampling(sampling: Sampling) -> None:
    """Raises: UsageError naming the value that is out of range."""
    temperature, penalty = sampling.temperature, sampling.repetition_penalty
    rules = (
        ("max_tokens", 1 <= sampling.max_tokens <= _MOST_TOKENS, f"between 1 and {_MOST_TOKENS}"),
        ("temperature", temperature == 0 or 1e-6 <= temperature <= 100, "0, or between 0.000001 and 100"),
        ("top_p", 0 < sampling.top_p <= 1, "above 0 and at most 1"),
        ("top_k", 0 <= sampling.top_k <= _MOST_TOKENS, f"between 0 (all) and {_MOST_TOKENS}"),
        ("min_p", 0 <= sampling.min_p < 1, "at least 0 and below 1"),
        ("repetition_penalty", 0.01 <= penalty <= 100, "between 0.01 and 100"),
        ("seed", 0 <= sampling.seed < 1 << 64, "between 0 and 2**64 - 1"),
        ("logprobs", 0 <= sampling.logprobs <= _MOST_LOGPROBS, f"between 0 and {_MOST_LOGPROBS}"),
        ("stop", isinstance(sampling.stop, tuple) and all(sampling.stop), "a tuple of strings that are not empty"),
    )
    for name, holds, allowed in rules:
        if not holds:
            value = f"{name} = {asdict(sampling)[name]}"
            raise UsageError("a sampling value is out of range", value, f"Use {allowed}")


class Sampler:
    """Chooses the tokens of one answer; the same seed and logits give the same tokens."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._key = mx.random.key(sampling.seed)
        self._used: mx.array | None = None  # (V,) the tokens already in the answer

    def __call__(self, logits: mx.array) -> Choice:
        """logits: (V,)"""
        logits = logits.astype(mx.float32)
        logprobs = logits - mx.logsumexp(logits)
        token = self._choose(self._penalised(logits))
        if self._used is not None:
            self._used = mx.put_along_axis(self._used, token[None], mx.array(True), axis=0)
        top = mx.argsort(-logprobs)[: self._sampling.logprobs] if self._sampling.logprobs else mx.zeros(0, mx.uint32)
        return Choice(token, logprobs[token], top, logprobs[top])

    def _penalised(self, logits: mx.array) -> mx.array:
        penalty = self._sampling.repetition_penalty
        if penalty == 1:
            return logits
        if self._used is None:
            self._used = mx.zeros(logits.shape, mx.bool_)
        return mx.where(self._used, mx.where(logits > 0, logits / penalty, logits * penalty), logits)

    def _choose(self, logits: mx.array) -> mx.array:
        sampling = self._sampling
        if sampling.temperature == 0:
            return mx.argmax(logits)
        self._key, key = mx.random.split(self._key)
        logits = logits / sampling.temperature
        if sampling.top_p == 1 and sampling.top_k == 0 and sampling.min_p == 0:
            return mx.random.categorical(logits, key=key)
        order = mx.argsort(-logits)
        logits = logits[order]
        p = mx.softmax(logits)
        keep = mx.cumsum(p) - p < sampling.top_p  # the first is always kept
        keep = mx.logical_and(keep, p >= sampling.min_p * p[0])
        if sampling.top_k:
            keep = mx.logical_and(keep, mx.arange(logits.shape[0]) < sampling.top_k)
        return order[mx.random.categorical(mx.where(keep, logits, -mx.inf), key=key)]
