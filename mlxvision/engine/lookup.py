"""Guessing how an answer goes on from what stood before, in the prompt or in the answer itself.

Tokens that were guessed go through the decoder together, which on GPUs costs little more than one. But sums over other
shapes may be rounded otherwise, and a token that is almost a tie then become another. So guesses are made only where a
rehearsal, with tokens that the answer has already, gave the same logits to the last bit.

Source: A. Saxena, "Prompt Lookup Decoding", 2023; here with copies that may overlap themselves, as in LZ77.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import cast

import mlx.core as mx

from mlxvision.family import Cache, Net

N_GUESSED = 7
"""With the token that they follow, as many as kernels for few rows take at once."""

_PRICE = 50  # of a rehearsal, in forwards that went before
_SHORTEST, _LONGEST = 3, 128  # so many tokens in a row are to stand twice
_FEWEST_RIGHT = 3  # of a guess that was worth it


def pays() -> bool:
    """On CPUs several tokens at once cost as much as one after the other."""
    return mx.default_device() != mx.Device(mx.cpu)


class Lookup:
    """tokens: all so far. After a guess that was not worth it, the next ones wait for a longer match."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # where each run of the shortest length was followed last
        self._source, self._n_matched = 0, 0  # what follows may be as from there on, for so many tokens before are
        self._n_needed = _SHORTEST
        self._n_known = 0  # tokens at the latest guess, or 0 if there was none
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        goes_on = self._n_matched and self.tokens[self._source] == token
        self.tokens.append(token)
        run = tuple(self.tokens[-_SHORTEST:])
        if goes_on:
            self._source, self._n_matched = self._source + 1, self._n_matched + 1
        else:
            self._source, self._n_matched = (self._after[run], _SHORTEST) if run in self._after else (0, 0)
        self._after[run] = len(self.tokens)

    def guess(self) -> list[int]:
        """What may follow the next token, which is not known yet; [] if nothing does.

        To be called again when that token and as much of the guess as was right have been added.
        """
        if self._n_known:
            worth_it = len(self.tokens) - self._n_known > _FEWEST_RIGHT
            self._n_needed = _SHORTEST if worth_it else min(2 * self._n_needed, _LONGEST)
        self._n_known = len(self.tokens) if self._n_matched >= self._n_needed else 0
        if not self._n_known:
            return []
        period = self._n_known - self._source
        return [self.tokens[self._source + i % period] for i in range(1, N_GUESSED + 1)]


class Rehearsal:
    """Tells whether tokens may be guessed. What it costs is less than one forward in fifty."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._alone: deque[mx.array] = deque(maxlen=1 + N_GUESSED)  # what the latest tokens gave, one at a time
        self._n_forwards, self._n_held, self._went_well = 0, 0, False
        self._magnitude = 0  # of the number of keys, with which kernels may change

    def add(self, logits: mx.array) -> None:
        """logits: (L, V) of the latest forward"""
        self._n_forwards += 1
        if len(logits) > 1:
            self._alone.clear()
        else:
            self._alone.append(logits)

    def allows(self, cache: Cache, tokens: Sequence[int]) -> bool:
        """tokens: all that the cache holds."""
        magnitude, rows = len(tokens).bit_length(), 1 + N_GUESSED
        if (len(tokens) + rows).bit_length() != magnitude:
            self._alone.clear()
            return False
        is_due = len(self._alone) == rows and self._n_forwards >= _PRICE * (self._n_held + 1)
        if magnitude != self._magnitude and is_due:
            self._magnitude, self._n_held = magnitude, self._n_held + 1
            self._went_well = self._rehearse(cache.fork(), tokens)
        return magnitude == self._magnitude and self._went_well

    def _rehearse(self, cache: Cache, tokens: Sequence[int]) -> bool:
        """Whether the latest tokens, done again together, give the same."""
        cache.trim(tokens[: -1 - N_GUESSED])
        logits = self._net.logits(self._net.hidden(mx.array([tokens[-1 - N_GUESSED :]]), cache))[0]
        return cast(bool, mx.array_equal(logits, mx.concatenate(list(self._alone))).item())
