"""A page that was read, as the text that is remembered of it."""

from __future__ import annotations

import json
from dataclasses import astuple, replace

from mlxvision.types import Box, Done, Line, Receipt, Token, Usage


def to_record(done: Done) -> str:
    """All but the times that it took."""
    tokens = [(token.id, token.text, token.logprob) for token in done.tokens]
    rest = [[astuple(part) for part in parts] for parts in (done.receipts, done.lines)]
    return json.dumps((done.text, tokens, done.finish_reason, astuple(done.usage), *rest))


def from_record(record: str) -> Done:
    """As it was, but for the times: none of it was computed again."""
    text, tokens, reason, usage, receipts, lines = json.loads(record)
    usage = Usage(*usage)
    return Done(
        text,
        tuple(Token(*token) for token in tokens),
        reason,
        replace(usage, cached_tokens=usage.prompt_tokens),
        tuple(Receipt(*receipt) for receipt in receipts),
        {"find": 0.0, "encode": 0.0, "generate": 0.0},
        tuple(Line(line, Box(*box), confidence) for line, box, confidence in lines),
    )
