"""An answer as it grows."""

from __future__ import annotations

from typing import cast

from mlxvision.engine.guards import LoopDetector, StopText
from mlxvision.family import Model
from mlxvision.text import Detokenizer
from mlxvision.types import Done, FinishReason, Receipt, Sampling, Token, Usage


class Draft:
    """Takes tokens, makes text of them, and tells when it has ended. reason: why it did."""

    def __init__(self, model: Model, sampling: Sampling, n_prompt: int) -> None:
        self.tokens: list[Token] = []
        self.reason: FinishReason | None = None
        self._limit = min(sampling.max_tokens, model.family.context_length(model.config) - n_prompt)
        self._stop_tokens = model.family.stop_tokens(model.tokenizer)
        self._detokenizer, self._stop_text = Detokenizer(model.tokenizer), StopText(sampling.stop)
        self._loop = LoopDetector()

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def ends_next(self) -> bool:
        """Whether there is room for one token only."""
        return len(self.tokens) + 1 >= self._limit

    def add(self, token: int, logprob: float, alternatives: tuple[tuple[int, str, float], ...] = ()) -> None:
        text = self._stop_text.add(self._detokenizer.add(token))
        if token in self._stop_tokens:
            self.reason = "stop"
        elif self._loop.add(token):
            self.reason = "repetition"
        elif self.ends_next:
            self.reason = "length"
        if self.reason:
            text += self._stop_text.add(self._detokenizer.flush()) + self._stop_text.flush()
        if self._stop_text.hit:
            self.reason = "stop"
        self.tokens.append(Token(token, text, logprob, alternatives))

    def done(self, usage: Usage, receipts: tuple[Receipt, ...], timings_ms: dict[str, float]) -> Done:
        """For one that has ended."""
        return Done(self.text, tuple(self.tokens), cast(FinishReason, self.reason), usage, receipts, timings_ms)
